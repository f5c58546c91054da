/** The network between a browser and a stack, which can be pulled out: connections of any kind pass, until it is. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Cable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #port = 0;
  #isOut = false;

  private constructor() {
    this.#server = createServer((near) => this.#pass(near));
  }

  /** Listens; leads nowhere before `leadTo`. */
  static async lay(): Promise<Cable> {
    const cable = new Cable();
    await new Promise<void>((resolve) => void cable.#server.listen(0, '127.0.0.1', resolve));
    return cable;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  leadTo(port: number): void {
    this.#port = port;
  }

  /** Breaks all connections, and refuses new ones until it is plugged in again. */
  pullOut(): void {
    this.#isOut = true;
    for (const socket of this.#open) socket.destroy();
  }

  plugIn(): void {
    this.#isOut = false;
  }

  close(): Promise<void> {
    this.pullOut();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  #pass(near: Socket): void {
    if (this.#isOut) return void near.destroy();
    const far = connect(this.#port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}
