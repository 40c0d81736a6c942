/**
 * Let every side have its turn, round after round, so that what else happens on the machine meets them all. Whoever goes
 * first changes, so that none has its good moments to itself.
 * @returns what each side gave, a value a round.
 */
export const takeTurns = async <Side extends string, Result>(
  rounds: number,
  sides: Readonly<Record<Side, () => Promise<Result>>>,
): Promise<Record<Side, Result[]>> => {
  const names = Object.keys(sides) as Side[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Side, Result[]>;
  for (let round = 0; round < rounds; round += 1) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)])
      results[name].push(await sides[name]());
  }
  return results;
};
