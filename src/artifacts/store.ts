import { resolve } from 'node:path';
import { projectRoot } from '../config.ts';
import type { Log } from '../log.ts';
import { createLocalStore } from './local.ts';
import { createS3Store } from './s3.ts';

/** An artifact lies in a store under a key such as `index/all-MiniLM-L6-v2-q8/shard-3.faiss`. */
export interface StoredArtifact {
  key: string;
  bytes: number;
  modifiedAt: Date;
}

/**
 * Where generated files live: a folder, or S3-compatible object storage, so that builders and readers may be different
 * machines. What lies under a key is never seen half-written. Artifacts are immutable: a new version gets a new key,
 * but for the few fixed names that say so.
 * Every call @throws OutageError when the store cannot be reached.
 */
export interface ArtifactStore {
  /** For people. */
  readonly location: string;
  /** A new empty folder on this machine for files being built; the caller removes it. Leftovers of crashes are pruned. */
  draftFolder(): Promise<string>;
  /** Store a finished file or bytes under a key, durable when it resolves. A file is moved where that is possible. */
  put(key: string, source: { file: string } | { bytes: Uint8Array }): Promise<void>;
  /** The artifact as a file on this machine, fetched once. @throws ArtifactMissingError */
  file(key: string): Promise<string>;
  list(prefix: string): Promise<StoredArtifact[]>;
  /** Removing what is not there is fine. */
  remove(key: string): Promise<void>;
  /** Remove drafts older than an hour, and this machine's copies older than that for which `keep` says no. */
  pruneLocal(keep: (key: string) => boolean): Promise<void>;
}

export { ArtifactMissingError } from './keys.ts';

export interface ArtifactStoreSettings {
  ARTIFACTS_DIR: string;
  ARTIFACTS_URL?: string | undefined;
  S3_ENDPOINT?: string | undefined;
  AWS_REGION: string;
  AWS_ACCESS_KEY_ID?: string | undefined;
  AWS_SECRET_ACCESS_KEY?: string | undefined;
  AWS_SESSION_TOKEN?: string | undefined;
}

/** The store that the settings name. Nothing is opened before the first call. */
export const createArtifactStore = (settings: ArtifactStoreSettings, log: Log): ArtifactStore => {
  const folder = resolve(projectRoot, settings.ARTIFACTS_DIR);
  const { ARTIFACTS_URL } = settings;
  return ARTIFACTS_URL
    ? createS3Store({ ...settings, ARTIFACTS_URL }, folder, log)
    : createLocalStore(folder);
};
