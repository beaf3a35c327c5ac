import type { IRoom } from '../../model/tokens';

/** The reason of a decision; where it has to have some length, its characters are counted as they are typed. */
export function Reason(props: {
  room: IRoom;
  minimum: number;
  value: string;
  onChange(value: string): void;
}): JSX.Element {
  const { room, minimum, value, onChange } = props;
  const { trans } = room;
  const count = value.trim().length;
  const isCounted = minimum > 1;
  return (
    <div className="wb-Reason">
      <label className="wb-Field wb-Field-wide">
        <span>
          {minimum === 0
            ? trans.__('Reason (recorded with your signature)')
            : trans.__('Reason (required, recorded with your signature)')}
        </span>
        <textarea
          className="jp-mod-styled"
          rows={3}
          required={minimum > 0}
          aria-describedby={isCounted ? 'wb-reason-count' : undefined}
          data-testid="wb-decision-reason"
          value={value}
          onChange={event => onChange(event.target.value)}
        />
      </label>
      {isCounted && (
        <p
          id="wb-reason-count"
          className="wb-Reason-count"
          role="status"
          data-enough={count >= minimum}
          data-testid="wb-reason-count"
        >
          {count >= minimum
            ? trans.__('%1 characters: enough', count)
            : trans.__('%1 of at least %2 characters', count, minimum)}
        </p>
      )}
    </div>
  );
}
