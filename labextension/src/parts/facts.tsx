import type { ReactNode } from 'react';

/** Names and values in two aligned columns; what has no value is left out. */
export function Facts(props: {
  items: readonly (readonly [name: string, value: ReactNode])[];
}): JSX.Element {
  return (
    <dl className="wb-Facts">
      {props.items
        .filter(([, value]) => value !== '' && value !== null)
        .map(([name, value]) => (
          <div key={name} className="wb-Fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** One part of a main-area tab, under its heading. */
export function Part(props: {
  title: string;
  children: ReactNode;
  testId?: string;
}): JSX.Element {
  return (
    <section className="wb-Part" data-testid={props.testId}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}
