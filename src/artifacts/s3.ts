import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { ConfigError } from '../config.ts';
import { OutageError } from '../errors.ts';
import type { Log } from '../log.ts';
import { diskError, filesBelow, openFolder, unlessGone } from './folder.ts';
import { ArtifactMissingError, checkKey, isKey, isPortablePath, isReplaced } from './keys.ts';
import { leftoverMs } from './local.ts';
import { isMissing, s3Error } from './s3-errors.ts';
import type { ArtifactStore, ArtifactStoreSettings, StoredArtifact } from './store.ts';

const connectMs = 5_000;
/** Without any byte moving for so long, the other side is taken for dead. */
const idleMs = 30_000;

/** What a call may take with all its attempts. Less than 1 MB/s is an outage too: a job must not hang on a trickle. */
const allowedMs = (bytes: number) => 10_000 + Math.ceil(bytes / 1_000);
const deadline = (bytes = 0) => ({ abortSignal: AbortSignal.timeout(allowedMs(bytes)) });

const parse = (url: string) => {
  const { hostname, pathname } = new URL(url);
  const prefix = pathname.split('/').filter(Boolean).join('/');
  if (prefix !== '' && !isPortablePath(prefix)) {
    throw new ConfigError(`ARTIFACTS_URL: ${prefix} is no usable prefix`);
  }
  return { bucket: hostname, prefix: prefix === '' ? '' : `${prefix}/` };
};

/** The SDK would print to the console what the thrown error says anyway. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

const clientConfig = (settings: ArtifactStoreSettings): S3ClientConfig => {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  const sessionToken = settings.AWS_SESSION_TOKEN;
  return {
    region: settings.AWS_REGION,
    // Compatible servers are rarely reachable as bucket.host.
    ...(settings.S3_ENDPOINT ? { endpoint: settings.S3_ENDPOINT, forcePathStyle: true } : {}),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
    requestHandler: { connectionTimeout: connectMs, socketTimeout: idleMs },
    maxAttempts: 3,
    logger: silent,
    // Amazon's newer checksums come as trailers, which compatible servers often refuse. Content-MD5 they all check.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
};

/** What one PutObject sends, and its MD5, by which the server refuses a body that changed on the way. */
const describeSource = async (source: { file: string } | { bytes: Uint8Array }) => {
  const md5 = createHash('md5');
  if ('bytes' in source) {
    const { bytes } = source;
    return { Body: bytes, ContentLength: bytes.byteLength, ContentMD5: md5.update(bytes).digest('base64') };
  }
  await pipeline(createReadStream(source.file), md5);
  const { size } = await stat(source.file);
  return { Body: createReadStream(source.file), ContentLength: size, ContentMD5: md5.digest('base64') };
};

/** Artifacts in S3-compatible object storage, with copies of those that were asked for in a folder of this machine. */
export const createS3Store = (
  settings: ArtifactStoreSettings & { ARTIFACTS_URL: string },
  root: string,
  log: Log,
): ArtifactStore => {
  const { bucket, prefix } = parse(settings.ARTIFACTS_URL);
  const location = `${settings.ARTIFACTS_URL}${settings.S3_ENDPOINT ? ` at ${settings.S3_ENDPOINT}` : ''}`;
  const refused = s3Error(location);
  const folder = openFolder(root);
  const copies = join(root, 'fetched');
  const fetching = new Map<string, Promise<string>>();

  let client: Promise<{ sdk: typeof import('@aws-sdk/client-s3'); s3: S3Client }> | undefined;
  /** Loaded at the first call: it is large, and an installation with a folder never needs it. */
  const connect = () => {
    client ??= import('@aws-sdk/client-s3').then((sdk) => ({
      sdk,
      s3: new sdk.S3Client(clientConfig(settings)),
    }));
    return client;
  };
  const object = (key: string) => ({ Bucket: bucket, Key: `${prefix}${key}` });

  const put: ArtifactStore['put'] = async (key, source) => {
    const { sdk, s3 } = await connect();
    const body = await describeSource(source);
    try {
      const command = new sdk.PutObjectCommand({ ...object(key), ...body });
      await s3.send(command, deadline(body.ContentLength)).catch(refused);
    } finally {
      if (body.Body instanceof Readable) body.Body.destroy();
    }
  };

  /** @returns how many bytes came. */
  const download = async (key: string, target: FileHandle): Promise<number> => {
    const { sdk, s3 } = await connect();
    const stop = new AbortController();
    const giveUpIn = (ms: number) => setTimeout(() => stop.abort(), ms);
    let timer = giveUpIn(allowedMs(0));
    try {
      const answer = await s3.send(new sdk.GetObjectCommand(object(key)), { abortSignal: stop.signal });
      clearTimeout(timer);
      timer = giveUpIn(allowedMs(answer.ContentLength ?? 0));
      const file = target.createWriteStream();
      await pipeline(answer.Body as Readable, file, { signal: stop.signal }).catch(diskError);
      if (file.bytesWritten === answer.ContentLength) return file.bytesWritten;
      throw new OutageError(`${location}: ${key} ended after ${file.bytesWritten} bytes`);
    } catch (error) {
      if (isMissing(error)) throw new ArtifactMissingError(key, { cause: error });
      return refused(error);
    } finally {
      clearTimeout(timer);
    }
  };

  const fetchCopy = async (key: string): Promise<string> => {
    const began = Date.now();
    const draft = await folder.draftName();
    try {
      // Closed by the stream, or here where there was none.
      const target = await open(draft, 'w');
      const bytes = await download(key, target).finally(() => target.close());
      const path = await folder.place(draft, join('fetched', key));
      log.debug({ artifact: key, bytes, ms: Date.now() - began }, 'artifact fetched');
      return path;
    } catch (error) {
      return diskError(error);
    } finally {
      await rm(draft, { force: true });
    }
  };

  /** Callers at the same time share one download. */
  const fetchOnce = (key: string): Promise<string> => {
    const running = fetching.get(key) ?? fetchCopy(key).finally(() => fetching.delete(key));
    fetching.set(key, running);
    return running;
  };

  const list = async (wanted: string) => {
    const { sdk, s3 } = await connect();
    const found: StoredArtifact[] = [];
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = await s3.send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: `${prefix}${wanted}`,
          ...(token ? { ContinuationToken: token } : {}),
        }),
        deadline(),
      );
      for (const { Key = '', Size: bytes = 0, LastModified: modifiedAt } of page.Contents ?? []) {
        const key = Key.slice(prefix.length);
        if (modifiedAt && isKey(key)) found.push({ key, bytes, modifiedAt });
      }
      token = page.NextContinuationToken;
    }
    return found;
  };

  const pruneLocal: ArtifactStore['pruneLocal'] = async (keep) => {
    const before = new Date(Date.now() - leftoverMs);
    await folder.pruneDrafts(before);
    for await (const { path, modifiedAt } of filesBelow(copies)) {
      // Another process may just have fetched what `keep` has not heard of yet.
      if (modifiedAt < before && !keep(path)) await folder.remove(join('fetched', path));
    }
  };

  return {
    location,
    draftFolder: () => folder.draftFolder().catch(diskError),
    async put(key, source) {
      checkKey(key);
      await put(key, source).catch(diskError);
    },
    async file(key) {
      checkKey(key);
      const copy = join(copies, key);
      const have = isReplaced(key) ? undefined : await stat(copy).catch(unlessGone(undefined));
      return have?.isFile() ? copy : fetchOnce(key);
    },
    async list(wanted) {
      if (wanted !== '') checkKey(wanted.replace(/\/$/, ''));
      return list(wanted).catch(refused);
    },
    async remove(key) {
      checkKey(key);
      const { sdk, s3 } = await connect();
      await s3.send(new sdk.DeleteObjectCommand(object(key)), deadline()).catch(refused);
      await folder.remove(join('fetched', key)).catch(diskError);
    },
    pruneLocal: (keep) => pruneLocal(keep).catch(diskError),
  };
};
