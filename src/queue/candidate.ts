import { v5 as uuidv5 } from 'uuid';
import type { z } from 'zod';
import type { ApplyRow } from '../db/events.ts';
import type { Parking } from '../db/parked-events.ts';
import { DatabaseError } from '../errors.ts';
import { uuid } from '../fields.ts';
import type { StoredEvent } from './define-job.ts';
import { payloadHash } from './payload-hash.ts';

/** An event on its way out of a job and into a statement. */
export interface Candidate {
  /** As it was stored, for parking. */
  stored: StoredEvent;
  row: ApplyRow;
  receivedAt: number;
}

/** What is set aside of it, why apart. */
export const parkingOf = ({ stored, row }: Candidate) => ({
  event_id: row.event_id,
  payload: stored,
  payload_hash: row.payload_hash,
});

/** Why a statement did not take an event. */
export const reasonOf = (error: unknown) => ({
  reason: String((error as { code?: unknown }).code ?? 'unknown_error'),
  detail: error instanceof DatabaseError ? error.report() : String(error),
});

/** Something that is no event of this kind was in the queue. It keeps its id if it has one. */
export const unreadable = (stored: unknown, error: z.ZodError, jobId: string, position: number): Parking => {
  const id = uuid.safeParse((stored as { event_id?: unknown } | null)?.event_id);
  const issues = error.issues.slice(0, 5).map((issue) => `/${issue.path.join('/')}: ${issue.message}`);
  return {
    event_id: id.success ? id.data : uuidv5(`${jobId}/${position}`, unreadableNamespace),
    payload: stored ?? null,
    payload_hash: payloadHash(typeof stored === 'object' && stored !== null ? { ...stored } : { stored }),
    reason: 'invalid',
    detail: issues.join('; '),
  };
};

const unreadableNamespace = 'a8f2f0f5-5b0c-4c6e-9a0e-0d7c7b1c5d1e';
