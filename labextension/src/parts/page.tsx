import type { ReactNode } from 'react';
import type { Resource } from '../model/resource';
import { useModels } from './hooks';
import { ProblemNote } from './problem';

/** A tab that shows one thing: what keeps it from being read, then what it holds. */
export function Page<T>(props: {
  resource: Resource<T>;
  children: (value: T) => ReactNode;
  isWide?: boolean;
}): JSX.Element {
  const { resource, isWide } = props;
  useModels(resource);
  const { value, problem } = resource;
  return (
    <div
      className={isWide ? 'wb-Tab-page wb-Tab-wide' : 'wb-Tab-page'}
      aria-busy={resource.isPending}
    >
      {problem && <ProblemNote problem={problem} />}
      {value && props.children(value)}
    </div>
  );
}
