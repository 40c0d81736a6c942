import type { TestProject } from 'vitest/node';
import { fetchModel } from '../../src/embeddings/fetch-model.ts';
import { modelFolder } from '../../src/embeddings/model-files.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the language model is; empty when it could not be had, and its tests are skipped. */
    modelFolder: string;
  }
}

/** Have the language model in the artifacts of this folder, where it stays for the next run. */
export default async (project: TestProject): Promise<void> => {
  const folder = modelFolder({ ARTIFACTS_DIR: 'artifacts' });
  const say = (line: string) => process.stdout.write(`  ${line}\n`);
  try {
    const source = await fetchModel({ folder, say });
    if (source !== undefined) say(`language model: fetched from ${source}`);
    project.provide('modelFolder', folder);
  } catch (error) {
    say(`Tests of the language model will be skipped. ${(error as Error).message}`);
    project.provide('modelFolder', '');
  }
};
