import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { root } from './run.mjs';
import { runMain, setUp } from './setup.mjs';
import { setUpChromium } from './setup-chromium.mjs';
import { setUpPromtool } from './setup-promtool.mjs';
import { setUpPythonFaiss } from './setup-python-faiss.mjs';

const results = join(root, '.zyra/test-results.json');

const tool = async (script, ...args) => {
  process.stdout.write(`\n── ${[script.split('/').at(-1), ...args].join(' ')}\n`);
  const command = [join(root, 'node_modules', script), ...args];
  const [code] = await once(spawn(process.execPath, command, { cwd: root, stdio: 'inherit' }), 'close');
  return code === 0;
};

/** What failed, a line each: who sees no more than the end of a long log knows what to look at. */
const failuresOf = (report, vitestPassed) => {
  const failures = report.testResults.flatMap((file) => {
    const path = relative(root, file.name);
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    // A test file that could not be loaded is a failure, not an absence.
    if (failed.length === 0 && file.status === 'failed') return [`${path}: ${file.message.split('\n')[0]}`];
    return failed.map((test) => `${path} › ${test.fullName}: ${test.failureMessages[0]?.split('\n')[0]}`);
  });
  if (failures.length === 0 && !vitestPassed)
    failures.push('what no test owns, such as an unhandled rejection');
  return failures;
};

const countTests = async (vitestPassed) => {
  const report = await readFile(results, 'utf8').then(JSON.parse, () => undefined);
  if (!report) return { passed: 0, skipped: 0, failures: ['the tests left no report'] };
  return {
    passed: report.numPassedTests,
    skipped: report.numPendingTests + report.numTodoTests,
    failures: failuresOf(report, vitestPassed),
  };
};

let counted = false;

const test = async () => {
  // The tests compile for themselves: a type error is a failed check here, not a failed set-up.
  await setUp({ dist: false });
  await setUpChromium();
  await setUpPythonFaiss();
  await setUpPromtool();
  await mkdir(dirname(results), { recursive: true });
  await rm(results, { force: true });
  const checks = [
    await tool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'),
    await tool('typescript/bin/tsc', '--noEmit'),
  ];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const vitestPassed = await tool('vitest/vitest.mjs', 'run', ...reporters, ...process.argv.slice(2));
  const counts = await countTests(vitestPassed);
  // Lint and types count as one test each.
  const failures = [...['lint', 'types'].filter((_, at) => !checks[at]), ...counts.failures];
  const passed = counts.passed + checks.filter(Boolean).length;
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  counted = true;
  for (const failure of failures) process.stdout.write(`\nfailed: ${failure}`);
  process.stdout.write(`\n${passed} passed, ${failures.length} failed${skipped}\n`);
  return failures.length === 0 ? 0 : 1;
};

await runMain(test);
// However it ended, the last line says what was counted.
if (!counted) process.stdout.write('\n0 passed, 1 failed\n');
