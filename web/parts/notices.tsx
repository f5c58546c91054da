import { useEffect } from 'preact/hooks';
import { useConsole, type Notice } from '../app/console.ts';
import { after } from '../lib/browser.ts';

/** What went well leaves by itself after this (ms); what failed stays until it was read. */
const STAY_MS = 8000;

function One({ notice }: { readonly notice: Notice }) {
  const shown = useConsole();
  useEffect(() => {
    if (notice.tone === 'failed') return undefined;
    return after(STAY_MS, () => shown.dismiss(notice.id));
  }, [notice.id]);
  return (
    <li class={notice.tone} role={notice.tone === 'failed' ? 'alert' : 'status'}>
      {notice.text}
      <button type="button" class="icon" aria-label="Dismiss" onClick={() => shown.dismiss(notice.id)}>
        ×
      </button>
    </li>
  );
}

/** What acts came to. */
export function Notices() {
  const { notices } = useConsole();
  return (
    <ul class="notices" aria-live="polite" aria-label="What happened">
      {notices.value.map((notice) => (
        <One key={notice.id} notice={notice} />
      ))}
    </ul>
  );
}
