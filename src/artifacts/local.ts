import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskError, filesBelow, openFolder, unlessGone } from './folder.ts';
import { ArtifactMissingError, checkKey, isKey } from './keys.ts';
import type { ArtifactStore, StoredArtifact } from './store.ts';

/** How long a draft or a copy nobody asked to keep stays: longer than anybody works on one without writing. */
export const leftoverMs = 3_600_000;

/** Artifacts in a folder of this machine, or one that several share by the network. */
export const createLocalStore = (root: string): ArtifactStore => {
  const folder = openFolder(root);

  const put: ArtifactStore['put'] = async (key, source) => {
    if ('file' in source) {
      await folder.place(source.file, key);
      return;
    }
    const draft = await folder.draftName();
    try {
      await writeFile(draft, source.bytes);
      await folder.place(draft, key);
    } finally {
      await rm(draft, { force: true });
    }
  };

  const list = async (prefix: string) => {
    const found: StoredArtifact[] = [];
    // From the deepest folder the prefix names, so that models and drafts beside it are not walked through.
    const top = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    for await (const { path, ...facts } of filesBelow(join(root, top))) {
      const key = `${top}${path}`;
      if (key.startsWith(prefix) && isKey(key)) found.push({ key, ...facts });
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  };

  return {
    location: root,
    draftFolder: () => folder.draftFolder().catch(diskError),
    async put(key, source) {
      checkKey(key);
      await put(key, source).catch(diskError);
    },
    async file(key) {
      checkKey(key);
      const path = join(root, key);
      const found = await stat(path).catch(unlessGone(undefined)).catch(diskError);
      if (!found?.isFile()) throw new ArtifactMissingError(key);
      return path;
    },
    async list(prefix) {
      if (prefix !== '') checkKey(prefix.replace(/\/$/, ''));
      return list(prefix).catch(diskError);
    },
    async remove(key) {
      checkKey(key);
      await folder.remove(key).catch(diskError);
    },
    // The artifacts themselves are no copies.
    async pruneLocal() {
      await folder.pruneDrafts(new Date(Date.now() - leftoverMs)).catch(diskError);
    },
  };
};
