/** Figures of lists against what users turned to afterwards, each the mean over users who turned to something. */
export interface Figures {
  /** Share of what a user turned to that is on the list. */
  recall: number;
  ndcg: number;
  /** Mean average precision. */
  map: number;
  /** Share of all items that are on anybody's list: low means the same few for everybody. */
  coverage: number;
  /** How surprising an item on a list is: −log₂ of the share of users who have it. */
  novelty: number;
  users: number;
}

/** Takes lists one by one, so that no more than one batch of them need exist. */
export interface Scorecard {
  /** `wanted` must not be empty; its order does not matter. What this list alone is. */
  add(list: Uint32Array, wanted: Uint32Array): Pick<Figures, 'recall' | 'ndcg'>;
  figures(): Figures;
}

/** @param holders how many users have each item, `userCount` being all of them. */
export const createScorecard = (k: number, holders: Uint32Array, userCount: number): Scorecard => {
  const shown = new Uint8Array(holders.length);
  const sums = { recall: 0, ndcg: 0, map: 0, surprise: 0 };
  let users = 0;
  let places = 0;
  return {
    add: (list, wanted) => {
      const want = new Set(wanted);
      let hits = 0;
      let gain = 0;
      let precision = 0;
      list.subarray(0, k).forEach((item, place) => {
        shown[item] = 1;
        places += 1;
        sums.surprise += Math.log2(Math.max(userCount, 1) / Math.max(holders[item] as number, 1));
        if (!want.has(item)) return;
        hits += 1;
        gain += 1 / Math.log2(place + 2);
        precision += hits / (place + 1);
      });
      const reachable = Math.min(k, want.size);
      let ideal = 0;
      for (let place = 0; place < reachable; place += 1) ideal += 1 / Math.log2(place + 2);
      const [recall, ndcg] = [hits / want.size, gain / ideal];
      sums.recall += recall;
      sums.ndcg += ndcg;
      sums.map += precision / reachable;
      users += 1;
      return { recall, ndcg };
    },
    figures: () => ({
      recall: sums.recall / Math.max(users, 1),
      ndcg: sums.ndcg / Math.max(users, 1),
      map: sums.map / Math.max(users, 1),
      coverage: shown.reduce((sum, one) => sum + one, 0) / Math.max(holders.length, 1),
      novelty: sums.surprise / Math.max(places, 1),
      users,
    }),
  };
};

/** The mean of figures from several splits; the users are added up. */
export const meanFigures = (all: readonly Figures[]): Figures => {
  const mean = (name: keyof Figures) => all.reduce((sum, figures) => sum + figures[name], 0) / all.length;
  return {
    recall: mean('recall'),
    ndcg: mean('ndcg'),
    map: mean('map'),
    coverage: mean('coverage'),
    novelty: mean('novelty'),
    users: mean('users') * all.length,
  };
};
