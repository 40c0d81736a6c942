import { type RebuildTargetName, runRebuild } from '../jobs/run-rebuild.ts';
import { insertAudit } from '../src/db/audit.ts';
import {
  advanceRebuild,
  claimRebuildStep,
  failRebuildStep,
  finishRebuildStep,
  type RebuildStep,
} from '../src/db/rebuilds.ts';
import { OutageError, RetryableError } from '../src/errors.ts';
import type { Context, Handler, Run } from '../src/queue/handler.ts';
import { type Advance, rebuilders } from '../src/rebuild.ts';

const work = async (step: RebuildStep, context: Context, run: Run): Promise<void> => {
  const rebuild = rebuilders[step.name as RebuildTargetName];
  if (!rebuild) throw new Error(`this version does not know how to rebuild ${step.name}`);
  const advance: Advance = async (progress) => {
    if (!(await advanceRebuild(context.db, run.jobId, { ...step, ...progress }))) {
      throw new RetryableError('another job has taken this rebuild over');
    }
    if (run.signal.aborted) throw new RetryableError('the rebuild was stopped; it goes on with the next try');
  };
  await rebuild(step, advance, context, run);
};

/** Target after target, rebuild after rebuild; each goes on where a job that died has left it. */
export const handleRunRebuild: Handler<typeof runRebuild> = async (_, context, run) => {
  const { db } = context;
  for (;;) {
    const step = await claimRebuildStep(db, run.jobId);
    if (!step) return;
    try {
      await work(step, context, run);
      await finishRebuildStep(db, run.jobId, step);
      run.log.info({ rebuild_id: step.rebuild_id, target: step.name, msg: 'rebuilt' });
    } catch (error) {
      const passing = error instanceof RetryableError && run.attempt < runRebuild.options.attempts;
      if (error instanceof OutageError || passing) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      await failRebuildStep(db, run.jobId, step, reason);
      await insertAudit(db, {
        component: 'rebuild',
        severity: 'error',
        message: 'a rebuild failed',
        payload: { rebuild_id: step.rebuild_id, target: step.name, reason },
      });
      run.log.error({ err: error, rebuild_id: step.rebuild_id, target: step.name, msg: 'a rebuild failed' });
    }
  }
};
