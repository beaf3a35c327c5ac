import type { ReactNode } from 'react';
import type { Resource } from '../model/resource';
import { useModels } from './hooks';
import { ProblemNote } from './problem';

/**
 * What every room has around its content: nothing before the first answer, the problem where there is one, else the
 * content. The last good answer stays in sight while a problem is shown above it.
 */
export function Section(props: {
  /** What the room is made of; it is empty where all of them are. */
  lists: readonly Resource<readonly unknown[]>[];
  empty: ReactNode;
  /** Stands above the content, also where there is none. */
  head?: ReactNode;
  /** Stands below the content, also where there is none. */
  foot?: ReactNode;
  /** Code of a problem that the head shows itself. */
  headProblem?: string;
  children(): ReactNode;
}): JSX.Element {
  const { lists } = props;
  useModels(...lists);
  const problem = lists.find(
    list => list.problem && list.problem.code !== props.headProblem
  )?.problem;
  const hasItems = lists.some(list => (list.value?.length ?? 0) > 0);
  const isEmpty = lists.every(list => list.value?.length === 0);
  return (
    <div
      className="wb-Section-body"
      aria-busy={lists.some(list => list.isPending)}
    >
      {props.head}
      {problem && <ProblemNote problem={problem} />}
      {hasItems && props.children()}
      {isEmpty && props.empty}
      {props.foot}
    </div>
  );
}
