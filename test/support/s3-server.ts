import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { launch, untilReady } from '../../src/embedded/child.ts';
import { findFreePort } from '../../src/embedded/endpoint.ts';

const found = inject('s3');

/** Why the tests that need an S3 server are skipped; undefined when there is one. */
export const s3Missing = 'missing' in found ? found.missing : undefined;

/** An S3 server with one empty bucket, on the loopback interface, that the test may ill-treat. Ends with the test. */
export const startS3 = async () => {
  if ('missing' in found) throw new Error(found.missing);
  const { program } = found;
  const dir = await mkdtemp(join(tmpdir(), 'zyra-s3-'));
  await mkdir(join(dir, 'data', 'artifacts'), { recursive: true });
  const port = await findFreePort();
  const accessKey = randomBytes(10).toString('hex');
  const secret = randomBytes(20).toString('hex');

  const start = async () => {
    const logFile = join(dir, 'server.log');
    const child = await launch({
      program,
      args: [
        ...['serve', 's3', join(dir, 'data'), '--addr', `127.0.0.1:${port}`],
        ...['--config', '/dev/null', '--cache-dir', join(dir, 'cache')],
      ],
      env: { PATH: '/usr/bin:/bin', RCLONE_AUTH_KEY: `"${accessKey},${secret}"` },
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
