import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { projectRoot } from '../config.ts';

const run = promisify(execFile);

export interface Wheel {
  /** `name==version`. */
  requirement: string;
  sha256: string;
}

// Of the whole call: pip tries again for minutes by itself when there is no network.
const timeoutMs = 120_000;
const pipOptions = [
  '--quiet',
  '--disable-pip-version-check',
  '--no-input',
  '--retries',
  '0',
  '--timeout',
  '5',
];

/** The command that is pip here: the system's, else Debian's, unpacked beside the other native parts. */
const findPip = async (): Promise<string[]> => {
  const works = (command: string[]) =>
    run('env', [...command, '--version'], { timeout: 20_000 }).then(
      () => true,
      () => false,
    );
  const pip = ['python3', '-m', 'pip'];
  if (await works(pip)) return pip;
  const script = join(projectRoot, 'scripts/debian-packages.mjs');
  const debian = (await import(pathToFileURL(script).href).catch(() => undefined)) as
    | {
        nativeRoot: string;
        haveApt(): Promise<boolean>;
        unpackPackages(names: string[]): Promise<void>;
        forgetPackageLists(): Promise<void>;
      }
    | undefined;
  if (!debian) throw new Error('python3 with pip is not installed');
  const unpacked = [`PYTHONPATH=${join(debian.nativeRoot, 'usr/lib/python3/dist-packages')}`, ...pip];
  if (await works(unpacked)) return unpacked;
  if (!(await debian.haveApt())) throw new Error('python3 with pip is not installed');
  try {
    await debian.unpackPackages(['python3-pip']);
  } finally {
    await debian.forgetPackageLists();
  }
  if (await works(unpacked)) return unpacked;
  throw new Error('python3 with pip is not installed');
};

/**
 * Download packages from the Python package index, each checked against its hash; nothing of them is installed or run.
 * @returns their files, in the order of `wheels`.
 */
export const downloadWheels = async (folder: string, wheels: readonly Wheel[]): Promise<string[]> => {
  const pip = await findPip();
  const files: string[] = [];
  for (const { requirement, sha256 } of wheels) {
    const own = join(folder, `${requirement}.wheel`);
    const list = join(folder, `${requirement}.txt`);
    await mkdir(own);
    await writeFile(list, `${requirement} --hash=sha256:${sha256}\n`);
    const args = [
      '--no-deps',
      '--only-binary=:all:',
      '--require-hashes',
      '--dest',
      own,
      '--requirement',
      list,
    ];
    await run('env', [...pip, 'download', ...pipOptions, ...args], { timeout: timeoutMs }).catch(
      (error: Error & { stderr?: string }) => {
        const said = error.stderr?.trim().split('\n').at(-1);
        throw new Error(said || error.message);
      },
    );
    const [file] = await readdir(own);
    if (file === undefined) throw new Error(`${requirement} was not downloaded`);
    files.push(join(own, file));
  }
  return files;
};

/** A wheel is a zip archive. */
export const unpackWheel = async (file: string, folder: string): Promise<void> => {
  await run('python3', ['-m', 'zipfile', '-e', file, folder], { timeout: timeoutMs });
};
