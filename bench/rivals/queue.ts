/** Where the rival's jobs are: beside ours, in the same Redis. */
export const rivalQueue = { name: 'interactions', prefix: 'rival' };

/** Tries and pauses that a team would choose; what is done is forgotten, as with us. */
export const rivalJobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 1_000 },
  removeOnComplete: true,
};
