import type { Scenario } from '../scenario.ts';
import { commit } from './commit.ts';
import { edit } from './edit.ts';
import { embedding } from './embedding.ts';
import { freshness } from './freshness.ts';
import { arrayIntake, ndjsonIntake, singleIntake } from './intake.ts';
import { intakeLoad } from './intake-load.ts';
import { live } from './live.ts';
import { mixed } from './mixed.ts';
import { read } from './read.ts';
import { refresh } from './refresh.ts';
import { scaleRows, scaleUsers } from './scaling.ts';
import { search } from './search.ts';
import { start } from './start.ts';
import { training } from './training.ts';

/** Every comparison, in the order in which they are made. */
export const scenarios: readonly Scenario[] = [
  ...[singleIntake, arrayIntake, ndjsonIntake],
  ...[commit, mixed, intakeLoad],
  ...[freshness, read, live, edit],
  ...[search, embedding, training, refresh],
  ...[start, scaleRows, scaleUsers],
];
