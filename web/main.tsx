/** Starts the console in the page that `index.html` is. */
import { render } from 'preact';
import { Console, ConsoleContext } from './app/console.ts';
import { Shell } from './shell.tsx';

const shown = new Console();
const root = document.getElementById('console');
if (root === null) throw new Error('the page has no place for the console');
root.replaceChildren();
render(
  <ConsoleContext.Provider value={shown}>
    <Shell />
  </ConsoleContext.Provider>,
  root,
);
shown.start();
