import type { ReactElement } from 'react';
import { SidePanel } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { MessageLoop } from '@lumino/messaging';
import { Debouncer } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { AccordionPanel } from '@lumino/widgets';
import { Widget } from '@lumino/widgets';
import type { Resource } from '../model/resource';
import type { IRoom } from '../model/tokens';
import { ViewWidget } from '../parts/widget';
import { DataView } from './data/view';
import { MonitorView } from './monitor/view';
import { ProjectHeader } from './project/header';
import { ScreenView } from './project/screen';
import { ReleasesView } from './releases/view';
import { ReviewsView } from './reviews/view';
import { RunsView } from './runs/view';
import { neededHeight, shareHeight } from './sizes';
import { TargetsView } from './targets/view';

/** Until then React has drawn what a model said, in milliseconds. */
const DRAWN_MS = 60;

/** One section of the panel. */
interface ISectionSpec {
  readonly name: string;
  readonly label: string;
  readonly view: ReactElement;
  readonly isOpen: boolean;
  /** How many things wait or are there; shown beside the label. */
  count(): number;
}

/** The panel in the left bar: the project on top, its rooms below, or the one screen that says why there are none. */
export class WorkbenchPanel extends SidePanel {
  /**
   * @param room The project and what can be done in it.
   */
  constructor(room: IRoom) {
    super();
    this.id = 'mlops-workbench-panel';
    this.addClass('wb-Panel');
    this.node.setAttribute('role', 'complementary');
    this.node.setAttribute('aria-label', room.trans.__('MLOps Workbench'));
    this._room = room;
    this._specs = sectionsOf(room);
    this.header.addWidget(
      new ViewWidget(<ProjectHeader room={room} />, 'wb-Panel-header')
    );
    this._screen = new ViewWidget(
      <ScreenView room={room} />,
      'wb-Panel-screen'
    );
    this.header.addWidget(this._screen);
    this._accordion = this.content as AccordionPanel;
    this._specs.forEach(spec => this.addWidget(sectionOf(spec)));
    room.workbench.changed.connect(this._onChanged, this);
    this._lists().forEach(list => list.changed.connect(this._onList, this));
    this._accordion.expansionToggled.connect(this._fit, this);
    this._onChanged();
  }

  /** Emitted whenever the panel comes into sight. */
  get shown(): ISignal<this, void> {
    return this._shown;
  }

  override dispose(): void {
    this._sizes.disconnect();
    this._fitter.dispose();
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._sizes.observe(this._accordion.node);
    this._onCounts();
    if (this.isVisible) {
      this._shown.emit();
    }
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._shown.emit();
  }

  private _onChanged(): void {
    const isReady = this._room.workbench.screen.kind === 'ready';
    this.content.setHidden(!isReady);
    this._screen.setHidden(isReady);
    const root = this._room.workbench.status?.root ?? '';
    if (root !== this._root) {
      this._root = root;
      this._isSettling = true;
    }
    this.toggleClass('wb-mod-ready', isReady);
    this._onCounts();
  }

  private _onList(): void {
    this._onCounts();
    if (this._isSettling) {
      this._isSettling = this._lists().some(list => list.isPending);
      this._fit();
      if (
        !this._isSettling &&
        (this._room.workbench.status?.open_alerts ?? 0) > 0
      ) {
        this._accordion.expand(this._specs.length - 1);
      }
    }
  }

  /**
   * Give every open section its height: when one is opened or closed, and while a project's lists arrive for the first
   * time. Later nothing moves by itself, whatever comes in.
   */
  private _fit(): void {
    void this._fitter.invoke();
  }

  private _fitNow(): void {
    const sections = this._accordion.widgets;
    const needs = sections.map(section =>
      section.isHidden ? null : neededHeight(section.node)
    );
    const height =
      this._accordion.node.clientHeight -
      this._accordion.titles.length * this._accordion.titleSpace;
    if (!this.isDisposed && height > 0) {
      this._accordion.setRelativeSizes([...shareHeight(needs, height)]);
    }
  }

  /** Titles are changed in place: a new title node would take the focus away. */
  private _onCounts(): void {
    this._accordion.titles.forEach((title, index) => {
      const spec = this._specs[index];
      if (!spec) {
        return;
      }
      title.dataset.testid = `wb-section-${spec.name}-title`;
      const count = spec.count();
      let badge = title.querySelector<HTMLElement>('.wb-Count');
      if (!badge) {
        badge = document.createElement('span');
        badge.className = 'wb-Count';
        title.append(badge);
      }
      badge.textContent = count > 0 ? String(count) : '';
      title.setAttribute(
        'aria-label',
        this._room.trans.__('%1: %2', spec.label, count)
      );
    });
  }

  private _lists(): readonly Resource<unknown>[] {
    const { workbench } = this._room;
    return [
      workbench.runs,
      workbench.jobs,
      workbench.data,
      workbench.targets,
      workbench.reviews,
      workbench.releases,
      workbench.monitors,
      workbench.alerts
    ];
  }

  private readonly _room: IRoom;
  private readonly _specs: readonly ISectionSpec[];
  private readonly _screen: Widget;
  private readonly _accordion: AccordionPanel;
  /** The header grows when React has drawn it; the sections are laid out by hand and have to be told. */
  private readonly _sizes = new ResizeObserver(() =>
    MessageLoop.postMessage(this._accordion, Widget.ResizeMessage.UnknownSize)
  );
  /** React draws a little after the model has changed. */
  private readonly _fitter = new Debouncer(() => this._fitNow(), DRAWN_MS);
  private _root = '';
  private _isSettling = true;
  private readonly _shown = new Signal<this, void>(this);
}

function sectionOf(spec: ISectionSpec): Widget {
  const widget = new ViewWidget(spec.view, 'wb-Section');
  widget.title.label = spec.label;
  widget.setHidden(!spec.isOpen);
  widget.node.dataset.testid = `wb-section-${spec.name}`;
  return widget;
}

function sectionsOf(room: IRoom): readonly ISectionSpec[] {
  const { workbench, trans } = room;
  const length = (items: readonly unknown[] | null): number =>
    items?.length ?? 0;
  return [
    {
      name: 'runs',
      label: trans.__('Runs'),
      view: <RunsView room={room} />,
      isOpen: true,
      count: () => workbench.status?.runs ?? length(workbench.runs.value)
    },
    {
      name: 'data',
      label: trans.__('Data'),
      view: <DataView room={room} />,
      isOpen: false,
      count: () => length(workbench.data.value)
    },
    {
      name: 'targets',
      label: trans.__('Targets'),
      view: <TargetsView room={room} />,
      isOpen: false,
      count: () => length(workbench.targets.value)
    },
    {
      name: 'reviews',
      label: trans.__('Reviews'),
      view: <ReviewsView room={room} />,
      isOpen: true,
      count: () => length(workbench.reviews.value)
    },
    {
      name: 'releases',
      label: trans.__('Releases'),
      view: <ReleasesView room={room} />,
      isOpen: true,
      count: () =>
        new Set((workbench.releases.value ?? []).map(item => item.channel)).size
    },
    {
      name: 'monitor',
      label: trans.__('Monitor'),
      view: <MonitorView room={room} />,
      isOpen: false,
      count: () =>
        (workbench.alerts.value ?? []).filter(item => item.state !== 'RESOLVED')
          .length
    }
  ];
}
