import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { projectRoot } from '../../src/config.ts';
import { launch, untilReady } from '../../src/embedded/child.ts';
import { findFreePort } from '../../src/embedded/endpoint.ts';

/** What scripts/setup-s3.mjs found: a server, or why there is none. */
type Found = { program: string } | { missing: string };

const found = await readFile(join(projectRoot, '.zyra/native/s3.json'), 'utf8').then(
  (text) => JSON.parse(text) as Found,
  (): Found => ({ missing: 'no S3 server was looked for: `npm test` does that' }),
);

/** Why the tests that need an S3 server are skipped; undefined when there is one. */
export const s3Missing = 'missing' in found ? found.missing : undefined;

/** An S3 server with one empty bucket, on the loopback interface, that the test may ill-treat. Ends with the test. */
export const startS3 = async () => {
  if ('missing' in found) throw new Error(found.missing);
  const { program } = found;
  const dir = await mkdtemp(join(tmpdir(), 'zyra-s3-'));
  await mkdir(join(dir, 'data', 'artifacts'), { recursive: true });
  await mkdir(join(dir, 'facts'));
  const port = await findFreePort();
  const accessKey = randomBytes(10).toString('hex');
  const secret = randomBytes(20).toString('hex');

  const start = async () => {
    const logFile = join(dir, 'server.log');
    const child = await launch({
      program,
      // What S3 knows beyond a file's bytes goes into a folder: not every file system has attributes for it.
      args: [
        '--port',
        `127.0.0.1:${port}`,
        '--quiet',
        'posix',
        '--sidecar',
        join(dir, 'facts'),
        join(dir, 'data'),
      ],
      env: { PATH: '/usr/bin:/bin', ROOT_ACCESS_KEY_ID: accessKey, ROOT_SECRET_ACCESS_KEY: secret },
      logFile,
      endSignal: 'SIGTERM',
      endDeadlineMs: 10_000,
    });
    const attempt = () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => resolve(void socket.destroy())).once('error', reject);
      });
    await untilReady(child, { name: 'the S3 server', logFile, attempt, deadlineMs: 30_000 });
    return child;
  };
  let server = await start();
  onTestFinished(async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  });

  return {
    port,
    settings: {
      ARTIFACTS_URL: 's3://artifacts/shop/one',
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: accessKey,
      AWS_SECRET_ACCESS_KEY: secret,
    },
    kill: async () => {
      server.kill('SIGKILL');
      await server.exited;
    },
    /** It keeps its port and answers nothing until it is resumed. */
    freeze: () => server.kill('SIGSTOP'),
    resume: () => server.kill('SIGCONT'),
    restart: async () => {
      server = await start();
    },
  };
};
