/**
 * What an error of PostgreSQL or of its driver means for the work that met it. Told by SQLSTATE or the driver's code,
 * never by message.
 */
export type Verdict = 'outage' | 'data' | 'bug';

// Also 25006: a write reached a server that has just become a replica. 40001, 40P01, 55P03, 57014: lost a race or
// ran into our own time limit; the same batch may well succeed next time. Classes 08, 53, 58: the connection, the
// resources, the machine below.
const outageStates = new Set([
  '25006',
  '40001',
  '40P01',
  '55P03',
  '57014',
  '57P01',
  '57P02',
  '57P03',
  '57P05',
]);
const driverOutages = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EMFILE',
]);
const dataStates = new Set(['21000', '23502', '23503', '23505', '23514']);
const driverDataErrors = new Set(['MAX_PARAMETERS_EXCEEDED', 'UNDEFINED_VALUE']);

/**
 * `outage`: repeat the same work later, it costs no attempt. `data`: some value in it can never be stored; find it and
 * set it aside. `bug`: neither (a missing function, a denied login, anything unknown): keep the work and alarm.
 */
export const judgeDatabaseError = (error: unknown): Verdict => {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string') return 'bug';
  if (outageStates.has(code) || driverOutages.has(code) || /^(08|53|58)/.test(code)) return 'outage';
  if (dataStates.has(code) || driverDataErrors.has(code) || code.startsWith('22')) return 'data';
  return 'bug';
};

/** PostgreSQL gave the statement up after its time. The same again may never fit; half of it may. */
export const isStatementTimeout = (error: unknown): boolean =>
  ((error as Error | undefined)?.cause as { code?: unknown } | undefined)?.code === '57014';
