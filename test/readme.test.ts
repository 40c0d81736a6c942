import { execFile, spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { refreshPopularity } from '../jobs/refresh-popularity.ts';
import { projectRoot } from '../src/config.ts';
import { createClient } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { insertProducts } from './support/shop.ts';
import { startSystem } from './support/system.ts';

const readme = await readFile(join(projectRoot, 'README.md'), 'utf8');
const [start = '', firstEvent = ''] = [...readme.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block);

test('fits one screen', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(50);
  expect(start).toMatch(/^npm start /);
});

const hasCurl = spawnSync('curl', ['--version']).status === 0;

test.skipIf(!hasCurl)('its first event works as it is written (needs curl)', async () => {
  const { dir, url, keys, db } = await startSystem();
  const [product_id] = await insertProducts(db, 1);
  // The demo shop has popular products from the start; here somebody has to look at one first.
  const event = { user_id: '0b6ff6e0-3c1c-4b52-8a3f-0f7d0f4c1a01', product_id, event_type: 'view' };
  expect((await createClient(url, keys.write).post('/v1/interactions', event)).status).toBe(202);
  const reader = createClient(url, keys.read);
  await eventually(
    async () => expect((await reader.get('/v1/popular?k=1')).json.items).toHaveLength(1),
    refreshPopularity.delayMs + 30_000,
  );

  await mkdir(join(dir, '.zyra'));
  await writeFile(join(dir, '.zyra/run.json'), JSON.stringify({ api: url, keys }));
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', firstEvent], { cwd: dir });
  const [accepted = '', history = ''] = stdout.replace('}{', '}\n{').split('\n');
  expect(JSON.parse(accepted)).toMatchObject({ accepted: 1 });
  expect(JSON.parse(history)).toMatchObject({ items: [{ product_id, event_type: 'view' }] });
});
