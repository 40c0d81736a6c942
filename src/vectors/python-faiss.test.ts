import { describe, expect, test } from 'vitest';
import { pythonMissing, runPython } from '../../test/support/python-faiss.ts';
import { dim, manifestOf, randomVectors, setUpVectors, shardRows } from '../../test/support/vectors.ts';

const questions = 1000;

// Everything that Python makes of our files, and whether it would have written the same bytes.
const program = `
import faiss, io, json, numpy, os, sys
folder, kind = sys.argv[1:]
at = lambda name: os.path.join(folder, name)
ours = lambda name: open(at(name), 'rb').read()
vectors, ids, numbers = (numpy.load(at('a' + end)) for end in ('.npy', '.ids.npy', '.numbers.npy'))
index = faiss.read_index(at('a.faiss'))
def npy(array):
    out = io.BytesIO()
    numpy.save(out, array)
    return out.getvalue()
again = at('again.faiss')
if kind == 'flat':
    made = faiss.IndexFlatIP(vectors.shape[1])
    made.add(vectors)
    faiss.write_index(made, again)
else:
    faiss.write_index(index, again)
scores, rows = index.search(vectors[:${questions}], 10)
print(json.dumps({
    'shape': vectors.shape, 'dtypes': [str(a.dtype) for a in (vectors, ids, numbers)],
    'ids': [ids[0].decode(), ids[-1].decode()], 'ntotal': index.ntotal, 'type': type(index).__name__,
    'npy_same': [npy(a) == ours('a' + end) for a, end in ((vectors, '.npy'), (ids, '.ids.npy'), (numbers, '.numbers.npy'))],
    'faiss_same': open(again, 'rb').read() == ours('a.faiss'),
    'numbers': numbers[rows].tolist(), 'scores': scores.tolist(),
}))`;

interface Seen {
  shape: number[];
  dtypes: string[];
  ids: string[];
  ntotal: number;
  type: string;
  npy_same: boolean[];
  faiss_same: boolean;
  numbers: number[][];
  scores: number[][];
}

const text = (id: Uint8Array) =>
  Buffer.from(id)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

describe.skipIf(pythonMissing)(`in Python${pythonMissing ? ` (${pythonMissing})` : ''}`, () => {
  test.each([
    { kind: 'flat', size: 1500, type: 'IndexFlat' },
    { kind: 'ivf', size: 12_000, type: 'IndexIVFFlat' },
  ])('NumPy and FAISS open a shard of the type $kind and answer as we do', async ({ kind, size, type }) => {
    const { folder, index, builder, store } = await setUpVectors();
    const rows = shardRows(randomVectors(size, 21), 5000);
    const ends = [text(rows.ids.subarray(0, 16)), text(rows.ids.subarray(-16))];
    const queries = rows.vectors.slice(0, questions * dim);
    const shard = await builder.build('index/a', rows);
    await index.open(manifestOf([shard]));
    const python = (await runPython(program, `${folder}/index`, kind)) as Seen;
    expect(await store.file(shard.faiss.key)).toBe(`${folder}/index/a.faiss`);

    const { shape, dtypes, ids, ntotal, type: named, npy_same, faiss_same } = python;
    expect({ shape, dtypes, ids, ntotal, npy_same, faiss_same }).toEqual({
      ...{ shape: [size, dim], dtypes: ['float32', '|S36', 'uint32'], ids: ends, ntotal: size },
      ...{ npy_same: [true, true, true], faiss_same: true },
    });
    expect(named).toContain(type);
    const hits = await index.search(queries, { k: 10 });
    expect(hits.length).toBe(questions);
    for (const [at, { numbers, scores }] of hits.entries()) {
      const theirs = python.scores[at] as number[];
      for (const [place, score] of scores.entries()) {
        expect(Math.abs(score - (theirs[place] as number))).toBeLessThan(1e-5);
        // Where two have the same score, either may come first.
        const tied = theirs.flatMap((other, i) =>
          Math.abs(other - score) < 1e-6 ? [python.numbers[at]?.[i]] : [],
        );
        expect(tied).toContain(numbers[place]);
      }
    }
  });
});
