/** Turns texts into vectors by one model. */
export interface Embedder {
  /** Names the model and its precision. Vectors of two models are never compared. */
  readonly model: string;
  readonly dim: number;
  /** One L2-normalised vector per text, `texts.length × dim`, row by row. Texts longer than the model takes are cut. */
  embed(texts: readonly string[]): Promise<Float32Array>;
}

/** The embedders of this process. Nothing is loaded before the first call. */
export interface Embedders {
  /** The best this machine can have: MiniLM when its files are there, else the fallback, which is replaced when they come. */
  best(): Promise<Embedder>;
  /** The embedder an index was made with, to put queries to it. @throws RetryableError when its model is not on this machine. */
  named(model: string): Promise<Embedder>;
  close(): Promise<void>;
}
