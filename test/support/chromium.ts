import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { projectRoot } from '../../src/config.ts';

/** What scripts/setup-chromium.mjs found: a browser, or why there is none. */
type Found = { program: string; env: Record<string, string> } | { missing: string };

const found = await readFile(join(projectRoot, '.zyra/native/chromium.json'), 'utf8').then(
  (text) => JSON.parse(text) as Found,
  (): Found => ({ missing: 'no browser was looked for: `npm test` does that' }),
);

/** Why the tests that need a browser are skipped; undefined when there is one. */
export const browserMissing = 'missing' in found ? found.missing : undefined;

/** A page and everything that went wrong on it. */
export interface WatchedPage {
  page: Page;
  /** Errors on the console (refusals by the content security policy among them), uncaught ones, dialogs, failed loads. */
  wrongs: string[];
}

/**
 * Open a browser with a profile of its own; it closes with the test. `open` gives a page in a session that knows only
 * the key it is given: what somebody types as password into the browser's log-in.
 */
export const startBrowser = async (): Promise<{ open(key?: string): Promise<WatchedPage> }> => {
  if ('missing' in found) throw new Error(found.missing);
  const home = await mkdtemp(join(tmpdir(), 'zyra-browser-'));
  onTestFinished(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const browser = await chromium.launch({
    executablePath: found.program,
    env: { PATH: process.env.PATH ?? '', HOME: home, ...found.env },
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
    timeout: 60_000,
  });
  onTestFinished(() => browser.close());

  return {
    open: async (key) => {
      const context = await browser.newContext({
        viewport: { width: 1280, height: 900 },
        ...(key === undefined ? {} : { httpCredentials: { username: 'operator', password: key } }),
      });
      context.setDefaultTimeout(30_000);
      const page = await context.newPage();
      const wrongs: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') wrongs.push(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => wrongs.push(`uncaught: ${error.message}`));
      page.on('dialog', (dialog) => {
        wrongs.push(`dialog: ${dialog.message()}`);
        dialog.dismiss().catch(() => {});
      });
      page.on('requestfailed', (request) => {
        // The page itself drops a request when it no longer wants the answer.
        const why = request.failure()?.errorText;
        if (why !== 'net::ERR_ABORTED') wrongs.push(`not loaded: ${request.url()} ${why}`);
      });
      return { page, wrongs };
    },
  };
};
