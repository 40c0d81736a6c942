import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { askApi } from './api-client.ts';
import { type ApiAddress, type ConnectionOptions, findApi, withApiOptions } from './connection.ts';
import { type Mapping, readMapping } from './csv-mapping.ts';
import { CommandError, exitCodes, oneLine, UsageError } from './failure.ts';
import { csvLines } from './import-csv.ts';
import { chunked, ndjsonLines, openSource, type Source, type SourceLine } from './import-lines.ts';
import { type LineError, type Sent, sendChunk } from './import-send.ts';
import { type Progress, showProgress } from './progress.ts';

interface ImportOptions extends ConnectionOptions {
  mapping?: string;
  concurrency: number;
  patience: number;
  wait?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

interface FileReport {
  file: string;
  accepted: number;
  rejected: number;
  errors: LineError[];
}

/** Bad lines named per file; the others are counted. */
const shownErrors = 100;

const atLeast =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`must be a whole number from ${least}`);
    return value;
  };

export const importCommand = (): Command =>
  withApiOptions(new Command('import'))
    .description('send files of events to POST /v1/events: NDJSON, or CSV with a mapping; gzip is recognised')
    .argument('<files...>', 'files in the order they are to be sent; - for stdin')
    .option(
      '--mapping <file>',
      'the files are CSV; how their columns become events (examples/*.mapping.json)',
    )
    .option('--concurrency <n>', 'requests of one file at a time; 1 keeps the order', atLeast(1), 1)
    .option('--patience <seconds>', 'how long to outlast an API that takes nothing', atLeast(0), 300)
    .option('--wait', 'until everything is applied and the system idle (needs an admin key)')
    .option('--dry-run', 'print the events instead of sending them')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Sending a file again, whole or after an interruption, has no second effect within the time event ids are remembered
(EVENT_ID_RETENTION_DAYS). Lines with an event_id of their own keep it; those without get one from the file's content up
to the end of their piece of 5,000 lines, so of a file that is still growing, the last piece would count again.
Ends with 1 when a line was rejected; the good ones are taken all the same.`,
    )
    .action(importFiles);

const importFiles = async (files: string[], options: ImportOptions): Promise<void> => {
  const mapping = options.mapping === undefined ? undefined : await readMapping(options.mapping);
  const tables = mapping ? [] : files.filter((file) => /\.csv(\.gz)?$/i.test(file));
  if (tables.length > 0) throw new UsageError(`${tables.join(', ')}: CSV needs --mapping FILE`);
  const api = options.dryRun ? undefined : await findApi(options);

  const reports: FileReport[] = [];
  for (const file of files) {
    const source = await openSource(file);
    const report = await importSource(source, { api, mapping, options });
    reports.push(report);
    if (!options.json) describe(report, options.dryRun === true);
  }
  if (options.wait && api) await untilIdle(api, options.json === true);
  if (options.json && !options.dryRun) process.stdout.write(`${JSON.stringify({ files: reports })}\n`);
  if (reports.some(({ rejected }) => rejected > 0)) process.exitCode = exitCodes.failed;
};

interface Task {
  api: ApiAddress | undefined;
  mapping: Mapping | undefined;
  options: ImportOptions;
}

const importSource = async (source: Source, { api, mapping, options }: Task): Promise<FileReport> => {
  const report: FileReport = { file: source.name, accepted: 0, rejected: 0, errors: [] };
  const add = ({ accepted, rejected, errors }: Sent) => {
    report.accepted += accepted;
    report.rejected += rejected;
    report.errors.push(...errors.slice(0, shownErrors - report.errors.length));
  };
  const reject = (line: number, message: string) =>
    add({ accepted: 0, rejected: 1, errors: [{ line, path: '', message }] });
  const lines = mapping ? csvLines(source.content, mapping, reject) : ndjsonLines(source.content);
  const progress = showProgress(source.name, { total: source.bytes, quiet: options.json === true || !api });
  try {
    if (api) await sendAll(lines, { api, source, add, report, progress, options });
    else report.accepted = await printAll(lines, process.stdout);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${source.name}: ${error.message}`);
    const state = api
      ? `; ${report.accepted} events were taken, and sending the file again has no second effect`
      : '';
    throw new CommandError(`${source.name}: ${oneLine(error)}${state}`, { cause: error });
  } finally {
    progress.end();
    source.content.destroy();
  }
  report.errors.sort((a, b) => a.line - b.line);
  return report;
};

interface Sending {
  api: ApiAddress;
  source: Source;
  add: (sent: Sent) => void;
  report: FileReport;
  progress: Progress;
  options: ImportOptions;
}

/** Keep `concurrency` requests under way; the first that fails ends it, when those beside it have settled. */
const sendAll = async (
  lines: AsyncIterable<SourceLine>,
  { api, source, add, report, progress, options }: Sending,
): Promise<void> => {
  const underWay = new Set<Promise<void>>();
  const note = () => `${report.accepted} taken${report.rejected ? `, ${report.rejected} rejected` : ''}`;
  const onOutage = (reason: string) => progress.update(source.bytesRead(), `${note()}; waiting: ${reason}`);
  try {
    for await (const chunk of chunked(lines)) {
      const sending = sendChunk(api, chunk, { patienceMs: options.patience * 1_000, onOutage }).then(
        (sent) => {
          underWay.delete(sending);
          add(sent);
          progress.update(source.bytesRead(), note());
        },
      );
      underWay.add(sending);
      // Met by the race below or at the end; until then nobody is listening.
      sending.catch(() => {});
      if (underWay.size >= options.concurrency) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  } finally {
    await Promise.allSettled(underWay);
  }
};

const printAll = async (lines: AsyncIterable<SourceLine>, output: NodeJS.WriteStream): Promise<number> => {
  let printed = 0;
  for await (const { text } of lines) {
    printed += 1;
    if (!output.write(`${text}\n`)) await new Promise((resolve) => output.once('drain', resolve));
  }
  return printed;
};

const describe = ({ file, accepted, rejected, errors }: FileReport, dryRun: boolean): void => {
  for (const { line, path, message } of errors)
    process.stderr.write(`${file}:${line}: ${path ? `${path} ` : ''}${message}\n`);
  const unnamed = rejected - new Set(errors.map(({ line }) => line)).size;
  if (unnamed > 0) process.stderr.write(`${file}: and ${unnamed} more\n`);
  const counts = `${accepted} events${dryRun ? '' : ' taken'}, ${rejected} lines rejected`;
  (dryRun ? process.stderr : process.stdout).write(`${file}: ${counts}\n`);
};

interface Status {
  idle: boolean;
  training?: boolean;
  training_due?: boolean;
  queues?: { waiting: number; active: number; delayed: number }[];
}

/** What a system that is not idle is waited for. */
export const waitedFor = ({ training, training_due, queues = [] }: Status): string => {
  const jobs = queues.reduce((sum, { waiting, active, delayed }) => sum + waiting + active + delayed, 0);
  const model = training
    ? ', a model is being trained'
    : training_due
      ? ', a model is about to be trained of what came'
      : '';
  return `${jobs} jobs to go${model}`;
};

const untilIdle = async (api: ApiAddress, quiet: boolean): Promise<void> => {
  const progress = showProgress('waiting until idle', { total: 0, quiet });
  for (;;) {
    const status = (await askApi(api, '/v1/admin/status')) as Status;
    if (status.idle) return progress.end();
    progress.update(0, waitedFor(status));
    await delay(500);
  }
};
