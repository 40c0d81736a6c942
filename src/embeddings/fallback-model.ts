/** The model that needs no files. Every other is better. */
export const fallbackModel = 'hashed-ngrams-v1';
