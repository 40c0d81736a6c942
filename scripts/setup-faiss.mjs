import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { haveApt, libraryFolders, nativeRoot, unpackPackages } from './debian-packages.mjs';
import { root, run, SetupError, step, succeeds } from './run.mjs';

const packageFolder = join(root, 'node_modules/faiss-node');
const binary = join(packageFolder, 'build/Release/faiss-node.node');
const native = join(root, '.zyra/native');

/** Builds one index and searches it, in a process of its own: a binary made for another machine may crash. */
const searchesWell = () =>
  succeeds(process.execPath, [
    '-e',
    `const { IndexFlatIP } = require('faiss-node');
     const index = new IndexFlatIP(2);
     index.add([1, 0, 0, 1]);
     const { labels } = index.search([0.1, 0.9], 2);
     if (labels[0] !== 1 || labels[1] !== 0) process.exit(1);`,
  ]);

const removeBinary = () => rm(join(packageFolder, 'build'), { recursive: true, force: true });

const libraries = ['-lfaiss', '-lopenblas', '-lgomp'];

/** Options by which the compiler finds what was unpacked; what the system has, it finds by itself. */
const compilerOptions = async () => [
  `-I${join(nativeRoot, 'usr/include')}`,
  ...(await libraryFolders()).map((folder) => `-L${folder}`),
];

const inScratchFolder = async (work) => {
  const folder = await mkdtemp(join(tmpdir(), 'zyra-faiss-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const canLinkFaiss = () =>
  inScratchFolder(async (folder) => {
    const source = join(folder, 'probe.cc');
    await writeFile(
      source,
      '#include <faiss/IndexFlat.h>\nint main() { return faiss::IndexFlatIP(2).d - 2; }\n',
    );
    const args = [
      '-std=c++17',
      source,
      '-o',
      join(folder, 'probe'),
      ...(await compilerOptions()),
      ...libraries,
    ];
    return succeeds('g++', args);
  });

// Compiled into the binding in place of its own reader: the vectors of an inverted file are mapped, not copied, so that
// all processes of a machine share one copy of them. Prefetching would start a thread per list and search.
const readMapped = `
#include <faiss/IndexIVF.h>
#include <faiss/index_io.h>
#include <faiss/invlists/OnDiskInvertedLists.h>
static faiss::Index *read_mapped(const char *path)
{
  faiss::Index *index = faiss::read_index(path, faiss::IO_FLAG_MMAP);
  auto ivf = dynamic_cast<faiss::IndexIVF *>(index);
  auto lists = ivf ? dynamic_cast<faiss::OnDiskInvertedLists *>(ivf->invlists) : nullptr;
  if (lists) lists->prefetch_nthread = 0;
  return index;
}
`;

/** Changes to faiss-node 0.5.1's source, each of which must apply. */
const changes = [
  ['using namespace Napi;\n', `${readMapped}\nusing namespace Napi;\n`],
  ['faiss::read_index(fname.c_str())', 'read_mapped(fname.c_str())'],
  // search() never freed its copy of the queries: 1.5 KB a query.
  [
    'delete[] I;\n    delete[] D;\n\n    Napi::Object results',
    'delete[] I;\n    delete[] D;\n    delete[] xq;\n\n    Napi::Object results',
  ],
];

/** Counted up with every change of what is compiled, so that older binaries are not taken for it. */
const revision = 2;

const changedSource = async () => {
  let source = await readFile(join(packageFolder, 'src/faiss.cc'), 'utf8');
  for (const [from, to] of changes) {
    if (source.split(from).length !== 2) throw new SetupError(`faiss-node's source has changed: no ${from}`);
    source = source.replace(from, to);
  }
  return source;
};

// libfaiss 1.7.3 and older have no name `faiss::idx_t`, which faiss-node uses; later ones define it in MetricType.h.
const idxHeader = `#include <faiss/Index.h>
#if FAISS_VERSION_MAJOR == 1 && (FAISS_VERSION_MINOR < 7 || (FAISS_VERSION_MINOR == 7 && FAISS_VERSION_PATCH < 4))
namespace faiss { using idx_t = Index::idx_t; }
#endif
`;

/** By rename: a process that runs has the old one mapped. */
const replaceBinary = async (from) => {
  await mkdir(dirname(binary), { recursive: true });
  await copyFile(from, `${binary}.new`);
  await rename(`${binary}.new`, binary);
};

const compile = () =>
  inScratchFolder(async (folder) => {
    const header = join(folder, 'idx.h');
    await writeFile(header, idxHeader);
    const source = join(folder, 'faiss.cc');
    await writeFile(source, await changedSource());
    const compiled = join(folder, 'faiss-node.node');
    // Relative to the binary, so that the project's folder can be moved. As RPATH, not RUNPATH, it also leads OpenBLAS
    // to its own libraries.
    const searchPaths = (await libraryFolders()).map((lib) => `$ORIGIN/${relative(dirname(binary), lib)}`);
    const rpath = searchPaths.length > 0 ? [`-Wl,--disable-new-dtags,-rpath,${searchPaths.join(':')}`] : [];
    await run('g++', [
      ...['-O2', '-std=c++17', '-shared', '-fPIC', '-fopenmp', '-DNAPI_VERSION=6', '-include', header],
      `-I${join(root, 'node_modules/node-addon-api')}`,
      `-I${join(root, 'node_modules/node-api-headers/include')}`,
      source,
      ...['-o', compiled],
      ...(await compilerOptions()),
      ...libraries,
      ...rpath,
    ]);
    await replaceBinary(compiled);
  });

const helpInWords = `FAISS could not be built for this machine. A C++ compiler, FAISS with its headers, and OpenBLAS are needed.
  macOS:          brew install faiss openblas libomp
  Debian, Ubuntu: sudo apt-get install g++ libfaiss-dev libopenblas-dev
  Fedora:         sudo dnf install gcc-c++ faiss-devel openblas-devel
Then run the command again.`;

const buildHere = async () => {
  if (!(await succeeds('g++', ['--version']))) throw new SetupError(helpInWords);
  if (!(await canLinkFaiss())) {
    if (!(await haveApt())) throw new SetupError(helpInWords);
    await step('FAISS: unpacking Debian packages under .zyra/native', () =>
      unpackPackages(['libfaiss-dev', 'libopenblas-dev']),
    );
  }
  await step('FAISS: compiling its Node binding', compile);
  if (!(await searchesWell()))
    throw new SetupError(`The compiled FAISS binding does not work.\n${helpInWords}`);
};

/**
 * Make sure `faiss-node` loads and searches: from the copy kept under `.zyra/native` (npm empties `node_modules`), else
 * its own release binary, else compiled here against Debian's FAISS.
 * @throws SetupError that says in words what to install when all fail.
 */
export const setUpFaiss = async () => {
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  // The binding is N-API 6, so one binary serves every version of Node.
  const kept = join(
    native,
    `faiss-node-${version}-napi6-${process.platform}-${process.arch}-r${revision}.node`,
  );
  if (existsSync(binary) && existsSync(kept)) return;

  await mkdir(native, { recursive: true });
  if (existsSync(kept)) {
    await replaceBinary(kept);
    if (await searchesWell()) return;
    await rm(kept);
  }
  await removeBinary();
  await buildHere();
  await copyFile(binary, `${kept}.new`);
  await rename(`${kept}.new`, kept);
};
