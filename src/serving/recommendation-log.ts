import { v7 as uuidv7 } from 'uuid';
import { assignCohorts } from '../../jobs/assign-cohorts.ts';
import { logRecommendations } from '../../jobs/log-recommendations.ts';
import type { CohortAssignment } from '../db/experiments.ts';
import type { AnswerRow } from '../db/recommendation-logs.ts';
import type { Metrics } from '../metrics.ts';
import type { Job } from '../queue/define-job.ts';
import type { Producer } from '../queue/producer.ts';
import type { Assigned } from './experiments.ts';

/** An answer of the recommendations route, as the route knows it. */
export interface Answered {
  /** The id that was asked for, whoever it stands for. */
  userId: string;
  sessionId?: string | undefined;
  products: readonly string[];
  assigned?: Assigned | undefined;
  /** Request id, type, alpha, k, query, model version … Never the user's id. */
  context: Readonly<Record<string, unknown>>;
}

export interface RecommendationLog {
  /** Remember an answer for the log. Costs next to nothing, never throws, and nothing is to be awaited. */
  add(answer: Answered): void;
  /** Send what was gathered. */
  close(): Promise<void>;
}

const lingerMs = 200;
/** More would be cheaper to send, but an answer that waits is copied by the collector of young objects, which costs more. */
const batchAnswers = 100;
/** Some megabytes; above it answers are not logged. */
const bufferAnswers = 10_000;
/** How long a user whose cohort was sent for recording is not sent again, and how many such users are kept in mind. */
const restMs = 600_000;
const restingUsers = 50_000;

/**
 * Gathers answers into jobs of up to a hundred. What cannot be queued is dropped and counted: a log is no event, and memory
 * must not grow with an outage.
 */
export const createRecommendationLog = ({
  producer,
  metrics,
}: {
  producer: Producer;
  metrics: Metrics;
}): RecommendationLog => {
  let open: AnswerRow[] = [];
  let assignments: CohortAssignment[] = [];
  let timer: NodeJS.Timeout | undefined;
  let buffered = 0;
  const underWay = new Set<Promise<void>>();
  /** By test, run and user; in the order they were sent. */
  const resting = new Map<string, number>();

  const send = (job: Job, payload: unknown, onFailure: () => void, onEnd: () => void): void => {
    const sending = (async () => {
      try {
        await producer.enqueue(job, payload);
      } catch {
        onFailure();
      } finally {
        onEnd();
      }
    })();
    underWay.add(sending);
    void sending.then(() => underWay.delete(sending));
  };

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const [answers, wanted] = [open, assignments];
    [open, assignments] = [[], []];
    if (answers.length === 0) return;
    send(
      logRecommendations,
      { batch: uuidv7(), answers },
      () => metrics.unloggedAnswers.inc({ why: 'queue away' }, answers.length),
      () => {
        buffered -= answers.length;
      },
    );
    if (wanted.length === 0) return;
    send(
      assignCohorts,
      { assignments: wanted },
      () => {
        for (const one of wanted) resting.delete(restKey(one));
      },
      () => {},
    );
  };

  const assign = (assignment: CohortAssignment) => {
    const key = restKey(assignment);
    const now = performance.now();
    if ((resting.get(key) ?? 0) > now) return;
    resting.delete(key);
    resting.set(key, now + restMs);
    const [oldest] = resting.keys();
    if (resting.size > restingUsers && oldest !== undefined) resting.delete(oldest);
    assignments.push(assignment);
  };

  return {
    add({ userId, sessionId, products, assigned, context }) {
      if (buffered >= bufferAnswers) {
        metrics.unloggedAnswers.inc({ why: 'too many' });
        return;
      }
      const experiment = assigned && {
        test_name: assigned.test,
        run: assigned.run,
        cohort: assigned.cohort.name,
      };
      buffered += 1;
      open.push({
        user_id: userId,
        session_id: sessionId,
        products,
        returned_at: new Date().toISOString(),
        context: experiment
          ? { ...context, experiment: assigned.test, cohort: assigned.cohort.name }
          : context,
        experiment,
      });
      if (experiment) assign({ ...experiment, user_id: userId });
      if (open.length >= batchAnswers) flush();
      else timer ??= setTimeout(flush, lingerMs);
    },
    async close() {
      flush();
      await Promise.all(underWay);
    },
  };
};

const restKey = ({ test_name, run, user_id }: CohortAssignment): string => `${test_name} ${run} ${user_id}`;
