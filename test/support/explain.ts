import postgres from 'postgres';
import type { Db } from '../../src/db/database.ts';

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  Filter?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

/** A statement that ran, inside of a function or by itself, with the plan it ran by. */
export interface Explained {
  query: string;
  plan: PlanNode;
}

/**
 * A database of one connection on which every statement, those inside of functions and of foreign keys included, leaves
 * its plan with what really was read. `take` gives the plans since it was last called.
 */
export const explainingDatabase = async (url: string) => {
  let explained: Explained[] = [];
  const sql = postgres(url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    // Times are texts, as on the system's own connections.
    types: {
      date: {
        to: 1184,
        from: [1114, 1184],
        serialize: (text: string) => text,
        parse: (text: string) => text,
      },
    } as unknown as Record<string, postgres.PostgresType>,
    onnotice: ({ message = '' }) => {
      const start = message.indexOf('plan:\n');
      // Most are of functions that only compute.
      if (start < 0 || !message.includes('"Relation Name"')) return;
      const { 'Query Text': query, Plan: plan } = JSON.parse(message.slice(start + 6)) as {
        'Query Text': string;
        Plan: PlanNode;
      };
      explained.push({ query, plan });
    },
  });
  await sql`load 'auto_explain'`.simple();
  const settings = {
    log_min_duration: '0',
    log_nested_statements: 'on',
    log_analyze: 'on',
    log_timing: 'off',
    log_format: 'json',
    log_level: 'notice',
    log_parameter_max_length: '0',
  };
  for (const [name, value] of Object.entries(settings)) {
    await sql`select set_config(${`auto_explain.${name}`}, ${value}, false)`;
  }
  const db = Object.assign(
    (text: TemplateStringsArray, ...values: unknown[]) => sql(text, ...(values as never[])),
    {
      fragment: (text: TemplateStringsArray, ...values: unknown[]) => sql(text, ...(values as never[])),
      end: () => sql.end({ timeout: 5 }),
    },
  ) as unknown as Db;
  return {
    db,
    take: (): Explained[] => {
      const taken = explained;
      explained = [];
      return taken;
    },
  };
};

/** Each node of a plan, the outermost first, and how deep it lies. */
const nodesOf = (node: PlanNode, depth = 0): [PlanNode, number][] => [
  [node, depth],
  ...(node.Plans ?? []).flatMap((child) => nodesOf(child, depth + 1)),
];

/** Rows a node took from its table, those it threw away included. */
const rowsRead = (node: PlanNode): number =>
  (node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0)) *
  node['Actual Loops'];

/** The partition is named in the plan. */
const tableOf = (relation: string): string => relation.replace(/^processed_events_\d+$/, 'processed_events');

/** What is wrong with a plan: large tables that were read from one end, or more rows than `mostRows` read of one. */
export const faultsOf = (
  { plan }: Explained,
  { largeTables, mostRows }: { largeTables: readonly string[]; mostRows: number },
): { table: string; fault: string }[] =>
  nodesOf(plan).flatMap(([node]) => {
    const relation = node['Relation Name'];
    const table = relation === undefined ? '' : tableOf(relation);
    if (!largeTables.includes(table)) return [];
    if (node['Actual Loops'] === 0) return [];
    // A stretch of pages, bounded by the statement itself.
    if (node['Node Type'] === 'Tid Range Scan') return [];
    if (node['Node Type'] === 'Seq Scan') return [{ table, fault: `sequential scan of ${table}` }];
    const rows = rowsRead(node);
    return rows > mostRows ? [{ table, fault: `${Math.round(rows)} rows read of ${table}` }] : [];
  });

/** A plan as a person reads it. */
export const render = ({ plan }: Explained): string =>
  nodesOf(plan)
    .map(([node, depth]) => {
      const what = [node['Node Type'], node['Relation Name'], node['Index Name']].filter(Boolean).join(' ');
      const conditions = [node['Index Cond'], node.Filter && `filter ${node.Filter}`]
        .filter(Boolean)
        .join(' ');
      return `${'  '.repeat(depth)}${what} [${Math.round(rowsRead(node))} rows] ${conditions}`;
    })
    .join('\n');
