export class ArtifactMissingError extends Error {
  override name = 'ArtifactMissingError';
  readonly key: string;
  constructor(key: string, options?: ErrorOptions) {
    super(`there is no artifact ${key}`, options);
    this.key = key;
  }
}

/** Names directly below ARTIFACTS_DIR that are not artifacts of the store, whichever store it is. */
const reserved = ['drafts', 'fetched', 'models', 'README.md'];

// No part may begin with a dot: that keeps out `..`, and what tools hide from listings.
const shape = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** Whether it is a relative path of portable characters that every store takes, and that leads nowhere else. */
export const isPortablePath = (text: string): boolean => text.length <= 512 && shape.test(text);

/** Whether an artifact may be called that. */
export const isKey = (text: string): boolean =>
  isPortablePath(text) && !reserved.includes(text.split('/', 1)[0] ?? '');

/** @throws RangeError for what could leave the store or collide with its own folders: always a bug of the caller. */
export const checkKey = (key: string): void => {
  if (!isKey(key)) throw new RangeError(`${JSON.stringify(key.slice(0, 600))} is no key for an artifact`);
};

/** Keys that are written again under the same name, so that a copy of one may be out of date. */
export const isReplaced = (key: string): boolean => !key.includes('/') || key === 'index/current.json';
