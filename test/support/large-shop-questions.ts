import { v7 as uuidv7 } from 'uuid';
import { followUps } from '../../jobs/index.ts';
import {
  refreshProductRatings,
  refreshReviewHelpfulCounts,
  refreshReviewVerifiedPurchases,
} from '../../src/db/aggregates.ts';
import { countAudit, listAudit } from '../../src/db/audit.ts';
import { findProduct, listCategories, listProductReviews } from '../../src/db/catalog-reads.ts';
import type { Db } from '../../src/db/database.ts';
import { clearDirty, countDirty, listDirty, listMarks } from '../../src/db/dirty-keys.ts';
import { countConflicts, findEventState } from '../../src/db/events.ts';
import { insertAssignments } from '../../src/db/experiments.ts';
import { listHistory } from '../../src/db/interactions.ts';
import {
  failExpired,
  listParked,
  listParkedById,
  listReleasable,
  listWaitingFor,
  parkEvents,
  repairParked,
} from '../../src/db/parked-events.ts';
import { listErased } from '../../src/db/people.ts';
import { findUser, listCart, listPurchases, listWishlist } from '../../src/db/person-reads.ts';
import { listPopular, listPopularIn } from '../../src/db/popular-reads.ts';
import { refreshProductPopularity } from '../../src/db/popularity.ts';
import {
  listProductIds,
  listStaleTexts,
  listUnembedded,
  listVectorsOf,
} from '../../src/db/product-vectors.ts';
import { insertAnswers } from '../../src/db/recommendation-logs.ts';
import { listForReplay } from '../../src/db/replay.ts';
import { searchWords } from '../../src/db/search.ts';
import {
  announceProducts,
  findAnnouncedVersion,
  findHighestNumber,
  keepProductTexts,
  listNumbers,
  listProductCards,
  listProductFacts,
} from '../../src/db/serving.ts';
import { listAddedDeeds, listGone, listUserIds, listUserSignals } from '../../src/db/signals.ts';
import { listSessionUsers, listVisits } from '../../src/db/visits.ts';
import { id } from './large-shop.ts';

/** So many keys as a follow-up recounts at once. */
const keys = (kind: string, n: number) =>
  Array.from({ length: 200 }, (_, at) => ({ key: id(kind, n + at * 100), other: null }));

const ids = (kind: string, n: number) => keys(kind, n).map(({ key }) => key);

const pepper = Buffer.alloc(32, 7);
const page = { limit: 21 };
export const someDays = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

/** Every function of src/db that reads or counts, as it is called. The rest is what applies call, or is no question. */
export const calls: [called: { name: string }, run: (db: Db, n: number) => Promise<unknown>][] = [
  [findProduct, (db, n) => findProduct(db, id('product', n))],
  ...(['helpful', 'newest', 'rating'] as const).flatMap((order): typeof calls => [
    [
      listProductReviews,
      (db, n) => listProductReviews(db, { productId: id('product', n), order, after: undefined, ...page }),
    ],
    [
      listProductReviews,
      (db) =>
        listProductReviews(db, {
          productId: id('product', 0),
          order,
          after: { place: 2, created_at: someDays(1), review_id: id('review', 5) },
          ...page,
        }),
    ],
  ]),
  [listCategories, (db) => listCategories(db)],
  ...(['1d', '7d', '30d'] as const).flatMap((window): typeof calls => [
    [listPopular, (db, n) => listPopular(db, { window, limit: 1 + n, expand: true })],
    [
      listPopularIn,
      (db, n) => listPopularIn(db, { category: `category-${1 + n}`, window, limit: 50, expand: true }),
    ],
    [
      listPopularIn,
      (db, n) => listPopularIn(db, { category: `category-${400 + n}`, window, limit: 100, expand: false }),
    ],
  ]),
  [findUser, (db, n) => findUser(db, id('visitor', n))],
  ...[listHistory, listCart, listWishlist, listPurchases].flatMap((list): typeof calls => [
    // The busiest user, quiet ones, an old id, and somebody unknown.
    ...[id('user', 0), id('visitor', 3), uuidv7()].map((userId): (typeof calls)[number] => [
      list,
      (db) => list(db, { userId, after: undefined, ...page }),
    ]),
    [list, (db, n) => list(db, { userId: id('user', 40_000 + n), after: undefined, ...page })],
    [list, (db) => list(db, { userId: id('user', 0), after: { at: someDays(100), id: 500 }, ...page })],
  ]),
  ...[
    {},
    { component: 'keys' },
    { severity: 'error' as const },
    { component: 'keys', severity: 'error' as const },
  ].flatMap((filter): typeof calls => [
    [listAudit, (db) => listAudit(db, { ...filter, before: undefined, ...page })],
    [
      listAudit,
      (db) => listAudit(db, { ...filter, before: { created_at: someDays(30), id: 9_000 }, ...page }),
    ],
    [countAudit, (db) => countAudit(db, { ...filter, since: someDays(20) })],
  ]),
  [findEventState, (db, n) => findEventState(db, id('event', n))],
  [findEventState, (db, n) => findEventState(db, id('parked', n))],
  [
    countConflicts,
    (db, n) => countConflicts(db, 'record-interactions', [id('event', n), id('event', 90_000 + n)]),
  ],
  [
    parkEvents,
    (db, n) =>
      parkEvents(db, {
        job: 'record-interactions',
        state: 'failed',
        again: false,
        waitSeconds: 60,
        pepper,
        events: [
          { event_id: uuidv7(), payload: { user_id: id('user', n) }, payload_hash: n, reason: 'test' },
        ],
      }),
  ],
  [
    listParkedById,
    (db, n) => listParkedById(db, 'record-interactions', [id('parked', n), id('parked', 5 * n)]),
  ],
  [listWaitingFor, (db, n) => listWaitingFor(db, [`product:${id('missing', n)}`, 'sku:none'])],
  [listReleasable, (db) => listReleasable(db, 10_000)],
  [listReleasable, (db, n) => listReleasable(db, 1, [id('parked', n)])],
  [failExpired, (db) => failExpired(db)],
  [listParked, (db) => listParked(db, { state: 'refused', ...page })],
  [
    listParked,
    (db, n) =>
      listParked(db, {
        state: 'failed',
        after: { parked_at: someDays(20), event_id: id('parked', n) },
        ...page,
      }),
  ],
  [repairParked, (db, n) => repairParked(db, id('parked', n), { payload: {}, payload_hash: 1 })],
  [
    listForReplay,
    (db, n) =>
      listForReplay(db, { eventIds: [id('parked', n)], withPayload: true, after: undefined, limit: 500 }),
  ],
  [
    listForReplay,
    (db) => listForReplay(db, { eventIds: undefined, withPayload: false, after: undefined, limit: 500 }),
  ],
  ...['Product 77', 'brand', 'categori produkt', 'sku-12', 'nothing of the kind'].flatMap(
    (text): typeof calls => [
      [searchWords, (db) => searchWords(db, { text, limit: 100 })],
      [
        searchWords,
        (db, n) =>
          searchWords(db, { text, categories: Array.from({ length: 100 }, (_, at) => at + n), limit: 100 }),
      ],
      [
        searchWords,
        (db) =>
          searchWords(db, { text, within: Array.from({ length: 200 }, (_, at) => at * 11), limit: 100 }),
      ],
    ],
  ),
  [listStaleTexts, (db, n) => listStaleTexts(db, 100 + n)],
  [listUnembedded, (db, n) => listUnembedded(db, { ids: ids('product', n), model: 'some-model' })],
  [listProductIds, (db, n) => listProductIds(db, id('product', n), 64)],
  [listVectorsOf, (db, n) => listVectorsOf(db, 'some-model', ids('product', n))],
  [announceProducts, (db, n) => announceProducts(db, ids('product', n))],
  [keepProductTexts, (db, n) => keepProductTexts(db, ids('product', n))],
  [findAnnouncedVersion, (db) => findAnnouncedVersion(db)],
  [listProductFacts, (db, n) => listProductFacts(db, n * 9_000, 10_000)],
  [listNumbers, (db, n) => listNumbers(db, ids('product', n))],
  [findHighestNumber, (db) => findHighestNumber(db)],
  [listProductCards, (db, n) => listProductCards(db, ids('product', n))],
  [
    insertAnswers,
    (db, n) =>
      insertAnswers(
        db,
        uuidv7(),
        ids('user', n).map((user_id) => ({
          ...{ user_id, products: ids('product', n).slice(0, 10), returned_at: someDays(0), context: {} },
          experiment: { test_name: 'test-1', run: 1, cohort: 'a' },
        })),
        pepper,
      ),
  ],
  [
    insertAssignments,
    (db, n) =>
      insertAssignments(
        db,
        ids('user', n).map((user_id) => ({ test_name: 'test-1', run: 1, user_id, cohort: 'a' })),
        pepper,
      ),
  ],
  [
    listUserSignals,
    (db, n) =>
      listUserSignals(db, ids('user', n).slice(0, 50), {
        types: ['view', 'click', 'purchase'],
        newest: 5_000,
      }),
  ],
  [
    listAddedDeeds,
    (db, n) =>
      listAddedDeeds(
        db,
        ids('user', n).map((userId, nth) => ({
          userId,
          first: 50_000 + nth,
          last: 50_010 + nth,
          count: 1,
          xid: 900,
        })),
      ),
  ],
  [listVisits, (db, n) => listVisits(db, ids('user', n))],
  [listSessionUsers, (db, n) => listSessionUsers(db, ids('session', n))],
  [listUserIds, (db, n) => listUserIds(db, id('user', n), 500)],
  [listGone, (db, n) => listGone(db, [id('user', n), uuidv7()], pepper)],
  [listErased, (db, n) => listErased(db, [id('user', n), uuidv7()], pepper)],
  ...followUps.map(({ kind }): (typeof calls)[number] => [
    listMarks,
    async (db) => {
      const { marks } = await listMarks(db, kind, { most: 100, but: [1, 2, 3] });
      await clearDirty(
        db,
        marks.map(({ id }) => id),
      );
    },
  ]),
  [listDirty, (db) => listDirty(db, 'similar', 100)],
  [clearDirty, (db) => clearDirty(db, [1, 2, 3])],
  [countDirty, (db) => countDirty(db)],
  [
    refreshProductPopularity,
    (db, n) => refreshProductPopularity(db, keys('product', n), { view: 1, purchase: 8 }),
  ],
  [refreshProductRatings, (db, n) => refreshProductRatings(db, keys('product', n))],
  [refreshReviewHelpfulCounts, (db, n) => refreshReviewHelpfulCounts(db, keys('review', n))],
  [
    refreshReviewVerifiedPurchases,
    (db, n) =>
      refreshReviewVerifiedPurchases(
        db,
        keys('user', n).map(({ key }, at) => ({ key, other: id('product', at * 7) })),
      ),
  ],
];

/** No questions to the large tables. */
export const others = new Set([
  ...['createDatabase', 'migrate', 'pendingMigrations', 'insertDemoShop', 'describeDatabase', 'tryWriting'],
  ...['findConnections', 'estimateRows', 'judgeDatabaseError', 'isStatementTimeout', 'applyBy', 'before'],
  ...['ownLines', 'arrayTypes'],
  ...['createApiKey', 'listApiKeys', 'listOpenKeys', 'revokeApiKey', 'rotateApiKey', 'hashKey'],
  ...['listCategoryTree', 'markAllSimilar'],
  // They ask PostgreSQL nothing.
  ...[
    'unpackDeeds',
    'countPacked',
    'countPlain',
    'createAdder',
    'addDeeds',
    'findDeed',
    'createProductNumbers',
  ],
  ...['quoteElement', 'isBare', 'parseArray', 'only', 'arrivalsOf', 'readMoment'],
  // The popular products, once in a while, page by page; an insert; one look at an index.
  ...['listMostPopular', 'listPopularScores', 'markLists', 'anyDirty'],
  // One row for each model or rebuild; whole shards, which test/index-publish.test.ts builds; all products, for a new model.
  ...[
    'findServingIndex',
    'findServingGeneration',
    'listModels',
    'findIndexState',
    'listChanges',
    'countChanges',
  ],
  ...[
    'publishGeneration',
    'findShardSource',
    'insertShardDraft',
    'markAnnounced',
    'markExported',
    'describeVectors',
  ],
  ...[
    'listRetiredModels',
    'deleteIndex',
    'pruneGenerations',
    'listReferences',
    'storeVectors',
    'listVectorsIn',
  ],
  ...['forgetVectors', 'markUnembedded', 'countProducts', 'insertRebuild', 'findRebuild', 'claimRebuildStep'],
  ...['advanceRebuild', 'finishRebuildStep', 'failRebuildStep'],
  // A row for each model, and one for whoever trains; estimates from the catalogue.
  ...['findServingModel', 'findModelStatus', 'nextModelVersion', 'storeModel', 'forgetModels'],
  ...[
    'claimTraining',
    'advanceTraining',
    'stopTraining',
    'releaseTraining',
    'lookForGrowth',
    'countUsersAbout',
  ],
  // As many rows as tests; everything that was answered in one of them.
  ...['listActiveExperiments', 'findExperiment', 'putExperiment', 'countExperiment'],
  ...['insertAuditOnce', 'findServerFigures', 'findServedFigures'],
  ...['insertAudit', 'findSettings', 'recordSettings', 'onRestart', 'MigrationError'],
  // Counted whole, over an index, for the metrics.
  'countParked',
]);
