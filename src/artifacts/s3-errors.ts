import { ConfigError } from '../config.ts';
import { OutageError } from '../errors.ts';

interface Refusal extends Error {
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** What a person has to mend, by the name under which S3 servers speak of it. */
const advice: Record<string, string> = {
  NoSuchBucket: 'ARTIFACTS_URL names a bucket that is not there',
  InvalidBucketName: 'ARTIFACTS_URL names a bucket that cannot exist',
  InvalidAccessKeyId: 'AWS_ACCESS_KEY_ID is not known there',
  SignatureDoesNotMatch: 'AWS_SECRET_ACCESS_KEY is not the one that belongs to AWS_ACCESS_KEY_ID',
  AccessDenied: 'the credentials do not allow this',
  ExpiredToken: 'the credentials have expired',
  CredentialsProviderError: 'there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  PermanentRedirect: 'AWS_REGION is not the region of the bucket',
  AuthorizationHeaderMalformed: 'AWS_REGION is not the region of the bucket',
  RequestTimeTooSkewed: 'the clock of this machine is wrong',
};

/** Our own deadlines, and what a server says with a status of 4xx though it passes. */
const passing = [
  'AbortError',
  'TimeoutError',
  'RequestTimeout',
  'BadDigest',
  'IncompleteBody',
  'SlowDown',
  'Throttling',
  'TooManyRequestsException',
  'OperationAborted',
];

/** Whether S3 said that the object is not there; an answer without a body says it by its status alone. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name);

/** For `catch`. @throws ConfigError for what a person has to mend, OutageError for what passes. */
export const s3Error =
  (location: string) =>
  (error: unknown): never => {
    if (!(error instanceof Error) || error instanceof OutageError) throw error;
    const { name, message, code, $metadata } = error as Refusal;
    const mend = advice[name];
    if (mend) throw new ConfigError(`${location}: ${mend} (${name})`, { cause: error });
    const status = $metadata?.httpStatusCode;
    if ((status ?? 0) >= 500 || status === 429 || (status === undefined && code) || passing.includes(name)) {
      throw new OutageError(`${location} does not answer: ${code ?? name}: ${message}`, { cause: error });
    }
    throw error;
  };
