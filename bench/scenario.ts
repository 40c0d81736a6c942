import type { BenchSystem } from './support/system.ts';

/** `s` takes a quarter of an hour in all, `l` is as large as the aims say. */
export type Scale = 's' | 'l';

/** What has to hold: `of` this entry, the figure itself or its ratio, at least or at most `value`. */
export interface Aim {
  of: 'ours' | 'ratio';
  want: '>=' | '<=';
  value: number | Readonly<Record<Scale, number>>;
}

/** A line of the table. */
export interface Figure {
  name: string;
  unit: string;
  /** What is measured, in a line. */
  what: string;
  /** What the ratio is to: what a team would write first, or the part underneath alone. */
  against?: 'rival' | 'limit';
  aim: Aim;
}

/** What a scenario found of a figure: one value a round, those of one round measured right after one another. */
export interface Measured {
  ours: number[];
  rival?: number[] | undefined;
  limit?: number[] | undefined;
  /** What a reader has to know beside the figures: the size it was measured at, CPU times, further percentiles. */
  notes?: Record<string, unknown> | undefined;
}

/** A figure as `--json` has it. */
export interface Entry {
  name: string;
  unit: string;
  /** Medians over the rounds; null where there is nothing of the kind, or the scenario failed. */
  ours: number | null;
  rival: number | null;
  limit: number | null;
  /** Median over the rounds of ours divided by the rival's or the limit's of the same round. */
  ratio: number | null;
  /** The least and the greatest, over the rounds, of what the aim is about. */
  spread: readonly [number, number] | null;
  aim: number;
  /** How to compare: `entry[of] want aim`, such as `ratio >= 0.85`. */
  of: Aim['of'];
  want: Aim['want'];
  met: boolean;
  rounds: number;
  notes?: Record<string, unknown>;
  error?: string;
}

/** What a scenario works with. */
export interface Stage {
  scale: Scale;
  /** How often each side has its turn. */
  rounds: number;
  /** A size: the one for this scale, or what `--set NAME=N` says. */
  size(name: string, values: Readonly<Record<Scale, number>>): number;
  /** A choice: the first by default, or what `--set NAME=VALUE` says. */
  choice<T extends string>(name: string, values: readonly [T, ...T[]]): T;
  /** A text that `--set NAME=TEXT` may give. */
  given(name: string): string | undefined;
  /** Servers and processes, gone when the scenario ends, however it ends. */
  startSystem(env?: Record<string, string>): Promise<BenchSystem>;
  /** An empty folder, gone when the scenario ends. */
  folder(): Promise<string>;
  /** A plot beside the JSON file, or below `bench/results`. */
  writePlot(name: string, svg: string): Promise<void>;
  say(line: string): void;
}

/** One comparison, of which one or several figures come out. */
export interface Scenario<Name extends string = string> {
  figures: readonly (Figure & { name: Name })[];
  /** Played only when it is named. */
  onDemand?: boolean;
  run(stage: Stage): Promise<Record<Name, Measured>>;
}

/** Declare a scenario: what it finds is typed from the figures it names. */
export const defineScenario = <const Name extends string>(scenario: Scenario<Name>): Scenario =>
  scenario as Scenario;
