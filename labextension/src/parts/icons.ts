import { LabIcon } from '@jupyterlab/ui-components';

/** A road through a gate: notebook on one side, service on the other. Colours are JupyterLab's own. */
export const workbenchIcon = new LabIcon({
  name: 'mlops-workbench:workbench',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path d="M4 3h7v2H6v3H4z"/><path d="M20 3h-7v2h5v3h2z"/>
    <circle cx="5" cy="12" r="3"/><circle cx="19" cy="12" r="3"/>
    <path d="M8 11h8v2H8z"/><path d="m11 8 4 4-4 4-1.4-1.4L12.2 12 9.600 9.400z"/>
    <path d="M4 16h2v3h5v2H4z"/><path d="M18 16h2v5h-7v-2h5z"/>
  </g>
</svg>`
});
