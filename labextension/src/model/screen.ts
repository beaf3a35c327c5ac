import type { IHello, IProjectStatus } from '../api/contract';
import type { ProblemError } from '../api/problem';
import { localCodes } from '../api/problem';
import { panelVersion } from '../api/version';

/** What the panel as a whole has to say; only `ready` shows the rooms. */
export type Screen =
  | { readonly kind: 'loading' }
  | { readonly kind: 'ready'; readonly status: IProjectStatus }
  | { readonly kind: 'server-missing' }
  | {
      readonly kind: 'version-mismatch';
      readonly server: string;
      readonly panel: string;
    }
  | { readonly kind: 'project-missing'; readonly folder: string }
  | { readonly kind: 'problem'; readonly problem: ProblemError };

/** Return the screen that a server's greeting asks for; null where all is well. */
export function screenOfHello(hello: IHello): Screen | null {
  return hello.version === panelVersion
    ? null
    : {
        kind: 'version-mismatch',
        server: hello.version,
        panel: panelVersion
      };
}

/** Return the screen for what went wrong while the project was asked for. */
export function screenOfProblem(problem: ProblemError, folder: string): Screen {
  switch (problem.code) {
    case localCodes.serverMissing:
      return { kind: 'server-missing' };
    case 'project-missing':
      return { kind: 'project-missing', folder };
    default:
      return { kind: 'problem', problem };
  }
}
