import { useEffect, useMemo } from 'preact/hooks';
import { Resource } from './resource.ts';

/** Something that is read when a view begins to show it, and no longer when it ends; another one for each of what it is `of`. */
export function useResource<T>(read: (signal: AbortSignal) => Promise<T>, of: readonly unknown[]): Resource<T> {
  const resource = useMemo(() => new Resource(read), of);
  useEffect(() => {
    resource.load();
    return () => resource.end();
  }, [resource]);
  return resource;
}
