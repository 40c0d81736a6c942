import { setTimeout as delay } from 'node:timers/promises';
import type { BenchSystem } from './system.ts';

interface Status {
  idle: boolean;
  training: unknown;
  model: { version?: number } | null;
  index: { model: string; products: number } | null;
}

/** What benchmarks ask of a running system. */
export const createApi = ({ url, key }: Pick<BenchSystem, 'url' | 'key'>) => {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const get = async <T>(path: string): Promise<T> => {
    const answer = await fetch(url + path, { headers });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json() as Promise<T>;
  };
  const status = () => get<Status>('/v1/admin/status');
  return {
    get,
    status,
    /** One figure of `/metrics`, by the beginning of its line. */
    async metric(line: RegExp): Promise<number> {
      const text = await (await fetch(`${url}/metrics`, { headers })).text();
      return Number(line.exec(text)?.[1] ?? 0);
    },
    /** Wait until nothing is left to do, with an index and, where one is wanted, a model. */
    async untilReady({ model }: { model: boolean }): Promise<void> {
      for (let at = await status(); !(at.idle && at.index && (!model || at.model)); at = await status())
        await delay(1_000);
    },
    /** Ask for a part to be made anew. @returns what to wait with. */
    async rebuild(target: 'model' | 'recommendations' | 'index'): Promise<() => Promise<void>> {
      const answer = await fetch(`${url}/v1/admin/rebuild`, {
        ...{ method: 'POST', headers, body: JSON.stringify({ targets: [target] }) },
      });
      if (answer.status !== 202) throw new Error(await answer.text());
      const { rebuild_id } = (await answer.json()) as { rebuild_id: string };
      return async () => {
        for (;;) {
          const { state } = await get<{ state: string }>(`/v1/admin/rebuild/${rebuild_id}`);
          if (state === 'failed') throw new Error(`the rebuild of ${target} failed`);
          if (state === 'done') return;
          await delay(100);
        }
      };
    },
  };
};

export type Api = ReturnType<typeof createApi>;
