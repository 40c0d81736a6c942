import { join } from 'node:path';
import { nativeRoot } from './debian-packages.mjs';
import { root, SetupError, succeeds } from './run.mjs';
import { obtainFromDebian, setUpTestTool } from './test-tool.mjs';

/** Read by the tests of the alert rules: `{ program, env }`, or `{ missing }`. */
const record = join(root, '.zyra/native/promtool.json');

const runs = ({ program }) => succeeds(program, ['--version']);
const installed = async () =>
  (await runs({ program: 'promtool' })) ? { program: 'promtool', env: {} } : undefined;
const unpacked = async () => ({ program: join(nativeRoot, 'usr/bin/promtool'), env: {} });
const mustRun = async (promtool) => {
  if (!(await runs(promtool))) throw new SetupError('its promtool does not run');
};

/** Get promtool for the tests: the system's, else Debian's (a download of 19 MB) unpacked under `.zyra/native`. */
export const setUpPromtool = () =>
  setUpTestTool({
    record,
    tests: 'Tests of the alert rules',
    works: runs,
    obtain: () =>
      obtainFromDebian({
        lacking: 'there is no promtool',
        title: 'promtool',
        packages: ['prometheus'],
        ...{ installed, unpacked, works: runs, check: mustRun },
      }),
  });
