import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { forgetPackageLists, haveApt, unpackPackages } from './debian-packages.mjs';
import { step } from './run.mjs';

/**
 * Get a program that only tests need, and leave word of it in `record` for them: `{ program, env }`, or `{ missing }` with
 * the reason why there is none. Those tests are skipped then, saying why; the next run looks again.
 */
export const setUpTestTool = async ({ record, tests, works, obtain }) => {
  const recorded = await readFile(record, 'utf8').then(JSON.parse, () => undefined);
  if (recorded?.program && (await works(recorded))) return;
  const tool = await obtain();
  if (tool.missing) process.stdout.write(`  ${tests} will be skipped: ${tool.missing}\n`);
  await mkdir(dirname(record), { recursive: true });
  await writeFile(`${record}.new`, `${JSON.stringify(tool, null, 2)}\n`);
  await rename(`${record}.new`, record);
};

/** The tool as the system has it, else from Debian's packages unpacked under `.zyra/native`. `check` throws unless it works. */
export const obtainFromDebian = async ({ lacking, title, packages, installed, unpacked, works, check }) => {
  const found = await installed();
  if (found) return found;
  if (await works(await unpacked())) return unpacked();
  if (!(await haveApt())) return { missing: `${lacking}, and no Debian packages to unpack` };
  try {
    await step(`${title}, for tests only: unpacking Debian packages under .zyra/native`, () =>
      unpackPackages(packages),
    );
    const tool = await unpacked();
    await check(tool);
    return tool;
  } catch (error) {
    return { missing: `${lacking}, and Debian's could not be used: ${error.message}` };
  } finally {
    await forgetPackageLists();
  }
};
