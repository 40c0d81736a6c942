import type { Db } from './database.ts';

/** A session in which a user was seen. */
export interface Visit {
  user_id: string;
  session_id: string;
}

/** Whose these sessions are, of those of which somebody said so. */
export const listSessionUsers = async (db: Db, sessionIds: readonly string[]): Promise<Visit[]> =>
  sessionIds.length === 0
    ? []
    : db<Visit>`
        select session_id, user_id from sessions
        where session_id = any(${sessionIds}::uuid[]) and user_id is not null`;

/** The sessions in which these users were seen in the last day. */
export const listVisits = (db: Db, userIds: readonly string[]) => db<Visit>`
  select user_id, session_id from interactions
  where user_id = any(${userIds}::uuid[]) and session_id is not null
    and created_at > now() - interval '1 day'
  union
  select user_id, session_id from sessions
  where user_id = any(${userIds}::uuid[])
    and greatest(started_at, ended_at) > now() - interval '1 day'`;
