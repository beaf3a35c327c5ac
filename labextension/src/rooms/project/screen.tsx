import { Fragment } from 'react';
import { CommandIDs } from '../../model/commands';
import type { Screen } from '../../model/screen';
import type { IRoom } from '../../model/tokens';
import { CommandButton } from '../../parts/button';
import { CopyButton } from '../../parts/copy';
import { useModels } from '../../parts/hooks';
import { ProblemNote } from '../../parts/problem';

/** What stands in place of the rooms while there is no project to show: three reasons, three ways out. */
export function ScreenView(props: { room: IRoom }): JSX.Element | null {
  const { room } = props;
  useModels(room.workbench);
  const { screen } = room.workbench;
  return screen.kind === 'ready' ? null : (
    <div
      className="wb-Screen"
      data-testid={`wb-screen-${screen.kind}`}
      aria-busy={screen.kind === 'loading'}
    >
      <ScreenBody room={room} screen={screen} />
    </div>
  );
}

function ScreenBody(props: {
  room: IRoom;
  screen: Screen;
}): JSX.Element | null {
  const { room, screen } = props;
  switch (screen.kind) {
    case 'project-missing':
      return <ProjectMissing room={room} folder={screen.folder} />;
    case 'server-missing':
      return <ServerMissing room={room} />;
    case 'version-mismatch':
      return (
        <VersionMismatch
          room={room}
          server={screen.server}
          panel={screen.panel}
        />
      );
    case 'problem':
      return (
        <ProblemNote problem={screen.problem}>
          <Again room={room} />
        </ProblemNote>
      );
    default:
      return null;
  }
}

function ProjectMissing(props: { room: IRoom; folder: string }): JSX.Element {
  const { trans, commands } = props.room;
  return (
    <>
      <h2>{trans.__('No project here yet')}</h2>
      <p>
        {trans.__(
          'A project is a folder with a workbench.toml. It keeps runs, data, reviews and releases together.'
        )}
      </p>
      <p className="wb-Screen-place">
        <code>/{props.folder}</code>
      </p>
      <CommandButton
        commands={commands}
        id={CommandIDs.createProject}
        args={{ template: 'shuttle' }}
        label={trans.__('Create the sample project here')}
        kind="accept"
        testId="wb-create-project"
      />
      <p className="wb-Hint">
        {trans.__(
          'It brings real sensor readings and two notebooks. Or, for your own work:'
        )}
      </p>
      <Command
        room={props.room}
        text="mlops init my-project --template blank"
      />
    </>
  );
}

function ServerMissing(props: { room: IRoom }): JSX.Element {
  const { trans } = props.room;
  return (
    <>
      <h2>{trans.__('The server extension does not answer')}</h2>
      <p>
        {trans.__(
          'The panel is here, but the Python package is missing from the environment that JupyterLab runs in, or its server extension is off.'
        )}
      </p>
      <Command room={props.room} text="pip install mlops-workbench" />
      <Command
        room={props.room}
        text="jupyter server extension enable workbench"
      />
      <p className="wb-Hint">
        {trans.__('Then stop JupyterLab and start it again.')}
      </p>
      <Again room={props.room} />
    </>
  );
}

function VersionMismatch(props: {
  room: IRoom;
  server: string;
  panel: string;
}): JSX.Element {
  const { trans } = props.room;
  return (
    <>
      <h2>{trans.__('Panel and server are of different versions')}</h2>
      <p>
        {trans.__('They are updated together, so one of them is an old copy.')}
      </p>
      <dl className="wb-Facts">
        <div className="wb-Fact">
          <dt>{trans.__('Panel')}</dt>
          <dd>{props.panel}</dd>
        </div>
        <div className="wb-Fact">
          <dt>{trans.__('Server')}</dt>
          <dd>{props.server}</dd>
        </div>
      </dl>
      <p className="wb-Hint">
        {trans.__(
          'Restart JupyterLab if you have just updated, then reload this page without its cache.'
        )}
      </p>
      <button
        type="button"
        className="wb-Button"
        data-kind="accept"
        data-testid="wb-reload"
        onClick={() => window.location.reload()}
      >
        {trans.__('Reload the page')}
      </button>
    </>
  );
}

function Command(props: { room: IRoom; text: string }): JSX.Element {
  return (
    <div className="wb-Command">
      <code>
        {props.text.split(' ').map((word, index) => (
          // A command is broken between its words only: a break after a hyphen would read as two options.
          <Fragment key={index}>
            {index > 0 && ' '}
            <span className="wb-Word">{word}</span>
          </Fragment>
        ))}
      </code>
      <CopyButton text={props.text} room={props.room} />
    </div>
  );
}

function Again(props: { room: IRoom }): JSX.Element {
  const { commands, trans } = props.room;
  return (
    <CommandButton
      commands={commands}
      id={CommandIDs.refresh}
      label={trans.__('Try again')}
      testId="wb-try-again"
    />
  );
}
