import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { OutageError } from '../errors.ts';

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** The disk is full or its server away: passing, unlike a wrong path or missing rights. */
const outages = ['ENOSPC', 'EDQUOT', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE'];

/** For `catch`. @throws OutageError for what passes, anything else as it is. */
export const diskError = (error: unknown): never => {
  if (!outages.includes(codeOf(error) ?? '')) throw error;
  throw new OutageError(`the artifacts folder: ${(error as Error).message}`, { cause: error });
};

/** Instead of a throw where a file or folder is gone, as others may remove it at any time. */
export const unlessGone = <T>(fallback: T) => {
  return (error: unknown): T => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return fallback;
    throw error;
  };
};

const sync = async (path: string) => {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
};

export interface FoundFile {
  /** Relative to the folder that was searched. */
  path: string;
  bytes: number;
  modifiedAt: Date;
}

/** Every file below a folder that is still there when looked at. */
export async function* filesBelow(folder: string, within = folder): AsyncGenerator<FoundFile> {
  // Not readdir's own recursion: one folder that goes meanwhile would end it for all of them.
  for (const entry of await readdir(within, { withFileTypes: true }).catch(unlessGone([]))) {
    const path = join(within, entry.name);
    if (entry.isDirectory()) yield* filesBelow(folder, path);
    if (!entry.isFile()) continue;
    const found = await stat(path).catch(unlessGone(undefined));
    if (found) yield { path: relative(folder, path), bytes: found.size, modifiedAt: found.mtime };
  }
}

/** Files under a folder, each put in its place whole and for good, and the drafts they begin as. */
export const openFolder = (root: string) => {
  const drafts = join(root, 'drafts');

  /** A name below the same root, so that moving a draft into place is a rename. */
  const draftName = async () => {
    await mkdir(drafts, { recursive: true });
    return join(drafts, randomUUID());
  };

  const move = async (from: string, to: string) => {
    for (let left = 20; ; left--) {
      try {
        await mkdir(dirname(to), { recursive: true });
        return await rename(from, to);
      } catch (error) {
        // Meanwhile someone removed the last file of that folder, and the folder with it, or one above it.
        if (codeOf(error) !== 'ENOENT' || left === 0) throw error;
      }
    }
  };

  /** Move a finished file to its path below the root. Durable when it resolves; a crash leaves the old file or the new. */
  const place = async (file: string, path: string): Promise<string> => {
    const target = join(root, path);
    await sync(file);
    try {
      await move(file, target);
    } catch (error) {
      if (codeOf(error) !== 'EXDEV') throw error;
      const copy = await draftName();
      await copyFile(file, copy);
      await sync(copy);
      await move(copy, target);
      await rm(file);
    }
    // All the way up: a folder that is new is only a name in the one above it.
    for (let folder = dirname(target); folder.length >= root.length; folder = dirname(folder)) {
      await sync(folder).catch(unlessGone(undefined));
    }
    return target;
  };

  /** Remove a file and the folders it leaves empty. */
  const remove = async (path: string): Promise<void> => {
    await rm(join(root, path), { force: true });
    for (let folder = dirname(join(root, path)); folder.length > root.length; folder = dirname(folder)) {
      const removed = await rmdir(folder).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  };

  /** Remove drafts in which nothing was written since. */
  const pruneDrafts = async (before: Date): Promise<void> => {
    for (const name of await readdir(drafts).catch(unlessGone([]))) {
      const draft = join(drafts, name);
      let newest = (await stat(draft).catch(unlessGone(undefined)))?.mtime;
      // A long build appends to one file, which the folder's own time does not show.
      for await (const { modifiedAt } of filesBelow(draft)) {
        if (newest && modifiedAt > newest) newest = modifiedAt;
      }
      if (newest && newest < before) await rm(draft, { recursive: true, force: true });
    }
  };

  const draftFolder = async (): Promise<string> => {
    const draft = await draftName();
    await mkdir(draft);
    return draft;
  };

  return { root, draftName, draftFolder, place, remove, pruneDrafts };
};

export type Folder = ReturnType<typeof openFolder>;
