import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import type { Config } from '../config.ts';

/** One secret, a key for each purpose, so that none says anything of another. */
const deriveKey = (config: Pick<Config, 'ZYRA_SECRET'>, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', config.ZYRA_SECRET, 'zyra', purpose, 32));

/** Key of the hashes by which erased persons are recognised. */
export const pepperOf = (() => {
  const known = new Map<string, Buffer>();
  return (config: Pick<Config, 'ZYRA_SECRET'>): Buffer => {
    const pepper = known.get(config.ZYRA_SECRET) ?? deriveKey(config, 'erased users');
    known.set(config.ZYRA_SECRET, pepper);
    return pepper;
  };
})();

export interface Sealer {
  /** The same secret always gives the same text, so that an event sent twice stays the same event. */
  seal(secret: string): string;
  /** @throws when the text was not sealed with this key, or was changed. */
  unseal(sealed: string): string;
}

const prefix = 'sealed:v1:';

/**
 * AES-256-GCM for what must not lie in clear in a queue. The nonce is a MAC of the secret, as in SIV modes: equal texts
 * mean equal secrets and nothing more, and no nonce ever serves two.
 */
export const createSealer = (config: Pick<Config, 'ZYRA_SECRET'>): Sealer => {
  const key = deriveKey(config, 'sealed fields');
  const nonceKey = deriveKey(config, 'sealed fields, nonces');
  return {
    seal(secret) {
      const nonce = createHmac('sha256', nonceKey).update(secret).digest().subarray(0, 12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const sealed = Buffer.concat([
        nonce,
        cipher.update(secret, 'utf8'),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return prefix + sealed.toString('base64');
    },
    unseal(text) {
      if (!text.startsWith(prefix)) throw new Error('the text is not sealed');
      const sealed = Buffer.from(text.slice(prefix.length), 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
      decipher.setAuthTag(sealed.subarray(-16));
      return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('utf8');
    },
  };
};
