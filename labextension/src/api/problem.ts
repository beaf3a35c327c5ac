import type { IProblem } from './contract';

/** An error of the server, or of the way to it, in the words that every door uses. */
export class ProblemError extends Error implements IProblem {
  /**
   * @param problem What happened; `hint` may be empty.
   */
  constructor(problem: IProblem) {
    super(problem.message);
    this.name = 'ProblemError';
    this.code = problem.code;
    this.hint = problem.hint;
    this.status = problem.status;
  }

  readonly code: string;
  readonly hint: string;
  readonly status: number;
}

/** Codes that the panel itself gives, where no server extension could. */
export const localCodes = {
  /** Nobody answers on our routes: the server extension is not installed or not enabled. */
  serverMissing: 'server-missing',
  /** The server did not answer at all. */
  unreachable: 'server-unreachable',
  /** The server answered, but not with what the contract says. */
  unexpected: 'answer-unexpected'
} as const;

/** Return anything that was thrown as a ProblemError. */
export function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new ProblemError({
    code: localCodes.unexpected,
    message,
    hint: '',
    status: 0
  });
}

/** Return the problem that an answer other than 2xx carries. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const body: unknown = await response.json().catch(() => null);
  if (isProblem(body)) {
    return new ProblemError({ ...body, status: response.status });
  }
  const said = hasMessage(body) ? body.message : response.statusText;
  return new ProblemError({
    code:
      response.status === 404
        ? localCodes.serverMissing
        : localCodes.unexpected,
    message: said || `HTTP ${response.status}`,
    hint: '',
    status: response.status
  });
}

function isProblem(body: unknown): body is IProblem {
  return (
    hasMessage(body) &&
    'code' in body &&
    typeof body.code === 'string' &&
    'hint' in body &&
    typeof body.hint === 'string'
  );
}

function hasMessage(body: unknown): body is { message: string } {
  return (
    typeof body === 'object' &&
    body !== null &&
    'message' in body &&
    typeof body.message === 'string'
  );
}
