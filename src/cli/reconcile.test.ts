import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { type System, setup } from '../../test/support/setup.ts';
import { insertProducts } from '../../test/support/shop.ts';
import { projectRoot } from '../config.ts';

/** `npx zyra reconcile …` on one system. */
const reconcile = async ({ config }: System, ...args: string[]) => {
  const { PATH = '' } = process.env;
  const { DATABASE_URL, REDIS_QUEUE_URL, REDIS_CACHE_URL, REDIS_PREFIX } = config;
  const child = spawn(process.execPath, [join(projectRoot, 'bin/zyra.mjs'), 'reconcile', ...args], {
    cwd: tmpdir(),
    env: { PATH, DATABASE_URL, REDIS_QUEUE_URL, REDIS_CACHE_URL, REDIS_PREFIX },
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
};

test('compares without a change, repairs, and then has nothing to say', async () => {
  const system = await setup();
  const [product] = await insertProducts(system.db, 3);
  await system.db`update products set rating = 3.0 where product_id = ${product}`;
  const rating = async () =>
    (await system.db<{ rating: string }>`select rating from products where product_id = ${product}`)[0]
      ?.rating;

  const dry = await reconcile(system, '--dry-run', '--json');
  expect(dry.code, dry.stderr).toBe(1);
  expect(JSON.parse(dry.stdout)[0]).toEqual({
    name: 'products.rating',
    checked: 3,
    differed: 1,
    examples: [product],
  });
  expect(await rating()).toBe('3.0');

  const repaired = await reconcile(system);
  expect(repaired.code).toBe(1);
  expect(repaired.stdout).toContain(product);
  expect(await rating()).toBe('0.0');

  expect(await reconcile(system)).toMatchObject({ code: 0, stderr: '' });
});
