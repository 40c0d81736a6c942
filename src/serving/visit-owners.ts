import type { UserSignals } from '../db/signals.ts';
import type { Visit } from '../db/visits.ts';

/** Whose a session is, as it is remembered for reads. */
export interface VisitOwner {
  sessionId: string;
  userId: string;
  /** Of two answers the one with the higher version stands. */
  version: number;
}

/**
 * Whose these visits are: of whom it was said, else the person who was seen in it. Where several were, it is the one who
 * did something last, in whatever order their lists are made.
 */
export const ownersOf = (
  visits: readonly Visit[],
  users: readonly UserSignals[],
  told: readonly Visit[],
): VisitOwner[] => {
  const personOf = new Map(
    users.flatMap((user) => [user.person, ...user.merged].map((id) => [id, user] as const)),
  );
  const toldOf = new Map(told.map(({ session_id, user_id }) => [session_id, user_id]));
  return visits.flatMap(({ user_id, session_id }) => {
    const user = personOf.get(user_id);
    if (!user) return [];
    const said = toldOf.get(session_id);
    if (said !== undefined) return [{ sessionId: session_id, userId: said, version: user.readAt }];
    const lastSeen = Math.round(1e6 * user.at.reduce((last, at) => Math.max(last, at), 0));
    return [{ sessionId: session_id, userId: user.person, version: Math.min(lastSeen, user.readAt) }];
  });
};
