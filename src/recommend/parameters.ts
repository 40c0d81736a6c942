import { z } from 'zod';

const exponent = z.number().min(0).max(2);

/** Everything about a model that is chosen, not computed. Stored with the model and what its tuning returns. */
export const parameters = z.strictObject({
  /** How signals become numbers, in training and for a user's list alike. */
  signals: z.strictObject({
    /** Weights are raised to this: 0 counts an item once however often it was met, 1 believes the weights. */
    power: z.number().min(0).max(2),
    /** What a rating below the scale's middle counts; never in the item's favour. */
    disliked: z.number().min(-1).max(0),
    /** A user's signal counts half at this age, measured from the user's latest one; null: age does not matter. */
    halfLifeDays: z.number().positive().nullable(),
  }),
  /** The exponents of D_i^-a · (Rᵀ·D_u^-b·R) · D_i^-c and the power q of each of its entries. */
  local: z.strictObject({
    a: exponent,
    b: exponent,
    c: exponent,
    q: z.number().positive().max(4),
    neighbours: z.int().min(1).max(1_000),
  }),
  lowRank: z.strictObject({
    rank: z.int().min(1).max(2_048),
    /** R is multiplied by the sums of users and of items to the power of minus these, before it is decomposed. */
    userExponent: exponent,
    itemExponent: exponent,
    /** Item sums to this power multiply the scores. */
    scoreExponent: exponent,
    /** A direction counts σ²/(σ² + filter·σ₁²); 0: all the same (ideal low-pass). */
    filter: z.number().min(0).max(1),
    /** Take out what an item says about itself, as EASE does. */
    excludeItself: z.boolean(),
  }),
  /** Share of the low-rank part in the sum of both. */
  lowRankShare: z.number().min(0).max(1),
});

export type Parameters = z.output<typeof parameters>;

/** Good on sparse shops where there is nothing to choose by; tuning starts from here. */
export const defaultParameters: Parameters = {
  signals: { power: 0.5, disliked: -0.1, halfLifeDays: 365 },
  local: { a: 0.5, b: 0.75, c: 0.4, q: 1, neighbours: 300 },
  lowRank: {
    rank: 512,
    userExponent: 0.5,
    itemExponent: 0.5,
    scoreExponent: 0.5,
    filter: 0,
    excludeItself: false,
  },
  lowRankShare: 0.35,
};

/**
 * So many of a user's products, the strongest, stand for recommendations, make the content profile and are kept in the list,
 * whose size in Redis this is a part of.
 */
export const mostSpeakers = 48;
