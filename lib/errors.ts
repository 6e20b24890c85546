/** An error that a user can act on: what is wrong, where, and what to do. `status` is what the server answers with. */
export class VisionbookError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = code;
  }
}

/**
 * Declares one kind of error; each room lists its own in an `errors.ts`.
 *
 * @example
 * export const FolderMissing = defineError('FOLDER_MISSING', 422, (folder: string) => `${folder} is missing: create it`);
 * throw FolderMissing('raw/food11');
 */
export function defineError<Arguments extends unknown[]>(
  code: string,
  status: number,
  message: (...details: Arguments) => string,
): (...details: Arguments) => VisionbookError {
  return (...details) => new VisionbookError(code, status, message(...details));
}

/** Whether an error is one of these kinds. */
export function isErrorOf(error: unknown, ...codes: readonly string[]): error is VisionbookError {
  return error instanceof VisionbookError && codes.includes(error.code);
}

/** What a promise gives, or undefined where it fails in one of these ways. */
export async function unlessError<Value>(codes: readonly string[], value: Promise<Value>): Promise<Value | undefined> {
  try {
    return await value;
  } catch (error) {
    if (isErrorOf(error, ...codes)) return undefined;
    throw error;
  }
}

/** Problems as lines of an error's message: the first five, and how many more there are. */
export function listProblems(problems: readonly string[]): string {
  const shown = problems.slice(0, 5).map((problem) => `\n  ${problem}`);
  const more = problems.length > shown.length ? `\n  and ${problems.length - shown.length} more` : '';
  return `${shown.join('')}${more}`;
}

/** What a schema found wrong, in one line: where, and what. */
export function describeIssues({
  issues,
}: {
  readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[];
}): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}
