import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { recordInteractions } from '../jobs/record-interactions.ts';
import { UnrecoverableError } from '../src/errors.ts';
import { mask } from '../src/personal.ts';
import { defineJob } from '../src/queue/define-job.ts';
import { queueNames } from '../src/queue/queues.ts';
import { browserMissing, startBrowser } from './support/chromium.ts';
import { eventually } from './support/eventually.ts';
import { setup } from './support/setup.ts';
import { interaction } from './support/shop.ts';

/** Runs, if it ever becomes part of a page: by itself, by what fails to load, or by what is pointed at. */
const markup = `<img src=x onerror="alert('img')"><script>alert('script')</script><b onmouseover="alert('b')">bold</b>`;

const hostile = defineJob({
  name: `hostile ${markup}`,
  queue: 'users',
  payload: z.record(z.string(), z.unknown()),
  options: { attempts: 1 },
});

const person = { email: 'asha@example.in', profile: { name: 'Asha Rao', phone: '+91 98' } };

/** A system with one job that waits and one that failed, both about somebody and both written by somebody hostile. */
const start = async () => {
  const system = await setup();
  const { url, keys } = await system.startApi();
  const workers = system.startWorkers({
    jobs: { hostile },
    handlers: {
      hostile: async () => {
        throw new UnrecoverableError(`refused ${markup}`);
      },
    },
  });
  await system.producer.enqueue(hostile, { ...person, [`key ${markup}`]: markup });
  const users = system.producer.queues.get('users');
  await eventually(async () => expect(await users?.getFailedCount()).toBe(1), 30_000);
  await workers.close();
  const event = interaction({ ...person, platform: markup });
  await system.producer.enqueue(recordInteractions, { events: [event] });
  return { url, board: `${url}/admin/queues`, keys, event, ...(await startBrowser()) };
};

test('a browser without an admin key as its password sees nothing of the queues', async ({ skip }) => {
  skip(browserMissing !== undefined, browserMissing);
  const { board, keys, open, event } = await start();
  for (const key of [undefined, keys.read, keys.write, 'nonsense']) {
    const { page } = await open(key);
    for (const address of [board, `${board}/queue/interactions`, `${board}/api/queues?page=1`]) {
      const answer = await page.goto(address);
      expect(answer?.status(), address).toBe(401);
      expect(await page.content()).not.toContain(event.event_id);
    }
  }
}, 120_000);

/** Nothing of the markup became an element, and nothing of the person is anywhere in the page. */
const expectOnlyText = async (page: Page) => {
  expect(await page.locator('b, img[src=x]').count()).toBe(0);
  expect(await page.content()).not.toMatch(/asha@example\.in|Asha Rao|\+91 98/);
};

test('the board lists every queue and shows jobs, masked; what somebody wrote into them is text', async ({
  skip,
}) => {
  skip(browserMissing !== undefined, browserMissing);
  const { board, keys, event, open } = await start();
  const { page, wrongs } = await open(keys.admin);

  expect((await page.goto(board))?.status()).toBe(200);
  const menu = page.getByRole('navigation').getByRole('listitem');
  await menu.last().waitFor();
  expect(await menu.allInnerTexts()).toEqual(queueNames);

  await menu.getByText('interactions', { exact: true }).click();
  await page.getByText(recordInteractions.name, { exact: true }).waitFor();
  await page.getByRole('button', { name: 'expand JSON' }).click();
  await page.getByText(event.event_id).waitFor();
  const job = await page.getByRole('tree').innerText();
  for (const line of [`email:"${mask}"`, `profile:"${mask}"`, `platform:"${markup}"`]) {
    expect(job).toContain(line);
  }
  await expectOnlyText(page);

  await page.goto(`${board}/queue/users?status=failed`);
  await page.getByText(hostile.name).waitFor();
  await page.getByText(`refused ${markup}`).first().waitFor();
  await page.getByRole('tab', { name: 'Data' }).click();
  await page.getByText(`key ${markup}`).waitFor();

  await expectOnlyText(page);
  // The board's style sheet is there, and it applies.
  expect(await page.evaluate('document.styleSheets.length')).toBeGreaterThan(0);
  expect((await page.getByRole('navigation').boundingBox())?.width).toBeLessThan(400);
  expect(wrongs).toEqual([]);
}, 120_000);

test('the API page lists the operations', async ({ skip }) => {
  skip(browserMissing !== undefined, browserMissing);
  const { url } = await (await setup()).startApi();
  const { page, wrongs } = await (await startBrowser()).open();
  await page.goto(`${url}/docs`);
  const operations = page.locator('.opblock-summary-path');
  await operations.first().waitFor();
  const shown = (await operations.allInnerTexts()).map((path) => path.replaceAll('\u200b', ''));
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object };
  expect(new Set(shown)).toEqual(new Set(Object.keys(paths)));
  await operations.first().click();
  await page.getByText('Parameters').first().waitFor();
  expect(wrongs).toEqual([]);
}, 120_000);
