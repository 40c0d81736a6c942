/** What came in time, or undefined: an answer with part of what could be known is better than a late one. */
export const inTime = async <T>(
  work: Promise<T>,
  ms: number,
  onMiss: (why: unknown) => void,
): Promise<T | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    onMiss(error);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
};
