import { hash } from 'node:crypto';

/** 48 bits of a hash over the JSON of what the caller sent. */
export const hashOfText = (sent: string): number =>
  Number.parseInt(hash('sha1', sent, 'hex').slice(0, 12), 16);

/** The hash by which two payloads under one id are told apart. */
export const payloadHash = (event: Record<string, unknown>): number =>
  hashOfText(JSON.stringify({ ...event, event_id: undefined, received_at: undefined }));
